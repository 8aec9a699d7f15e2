//! The bridge between the worker's engine and the user's Python.
//!
//! | thread | attached to Python | what it does |
//! |---|---|---|
//! | main | waiting in `os.read` | signals of Python's own, the lifecycle signals of Celery |
//! | engine | never | the tokio runtime: broker, scheduler, executor, results |
//! | `celery-loop-worker-N` | while it runs bytecode | one asyncio loop; takes jobs in bursts: `loop_port` |
//! | `celery-sync-worker-N` | while it runs a task | one `def` task at a time: `thread_pool` |
//! | `celery-interrupter` | while it interrupts | soft and hard limits of `def` tasks: `interrupter` |
//! | `celery-host-N` | while it answers | control commands, and tasks that ended before their end: `host` |
//!
//! A crate that uses this one makes an extension module of its own, with Rust tasks beside Python's: [`engine!`].
//!
//! Architecture invariant: no thread of the tokio runtime ever attaches to Python, so none ever waits for the GIL.

mod decode_body;
mod engine;
mod following;
mod host;
mod interrupter;
mod job;
mod json;
mod loop_port;
mod native;
mod outcome;
mod publish;
mod results;
mod settings;
mod sink;
mod thread_pool;

pub use native::module;
pub use pyo3;
use pyo3::prelude::*;

/// The extension module `celery_oxide._engine`.
#[pymodule]
mod _engine {
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::engine::{run_command_line, unsupported_options};
    #[pymodule_export]
    use crate::host::{Ended, HostPort};
    #[pymodule_export]
    use crate::job::Job;
    #[pymodule_export]
    use crate::loop_port::LoopPort;
    #[pymodule_export]
    use crate::thread_pool::ThreadPool;
}
