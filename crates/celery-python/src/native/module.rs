//! An extension module with the engine and Rust tasks.

use celery_native::Tasks;
use pyo3::prelude::*;

use super::tasks::provide;
use crate::engine::{Engine, run_command_line, unsupported_options};
use crate::host::{Ended, HostPort};
use crate::job::Job;
use crate::loop_port::LoopPort;
use crate::thread_pool::ThreadPool;

/// Fills an extension module: what `celery_oxide._engine` has, and Rust tasks. Use [`engine!`](crate::engine!).
///
/// # Errors
///
/// What Python raises.
pub fn module(module: &Bound<'_, PyModule>, tasks: fn() -> Tasks) -> PyResult<()> {
    provide(tasks);
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<Engine>()?;
    module.add_class::<Ended>()?;
    module.add_class::<HostPort>()?;
    module.add_class::<Job>()?;
    module.add_class::<LoopPort>()?;
    module.add_class::<ThreadPool>()?;
    module.add_function(wrap_pyfunction!(run_command_line, module)?)?;
    module.add_function(wrap_pyfunction!(unsupported_options, module)?)
}

/// Makes an extension module of the engine of the worker, with Rust tasks in it.
///
/// ```ignore
/// fn tasks() -> celery_native::Tasks {
///     celery_native::Tasks::new().task("proj.add", add)
/// }
///
/// celery_python::engine!(proj_engine, tasks);
/// ```
///
/// The crate is a `cdylib` of this name. With `CELERY_OXIDE_ENGINE=proj_engine` the worker runs on it.
#[macro_export]
macro_rules! engine {
    ($name:ident, $tasks:path) => {
        #[doc = "The engine of the worker, with Rust tasks in it."]
        #[::celery_python::pyo3::pymodule]
        #[pyo3(crate = "::celery_python::pyo3")]
        fn $name(
            module: &::celery_python::pyo3::Bound<'_, ::celery_python::pyo3::types::PyModule>,
        ) -> ::celery_python::pyo3::PyResult<()> {
            ::celery_python::module(module, $tasks)
        }
    };
}
