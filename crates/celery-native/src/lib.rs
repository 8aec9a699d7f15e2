#![doc = include_str!("../README.md")]

mod arguments;
mod builder;
mod builtin;
mod cancellation;
mod definition;
mod embed;
mod error;
mod exception;
mod extract;
mod follow;
mod following;
mod handler;
mod hooks;
mod mounted;
mod parameters;
mod periodic;
mod replacing;
mod request;
mod retry;
mod retrying;
mod run;
mod service;
mod shape;
mod started;
mod table;
mod task_error;
mod task_request;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
mod worker;

pub use builder::WorkerBuilder;
pub use cancellation::Cancelled;
pub use celery_client::{Signature, Task, chain, chord, group};
pub use celery_executor as executor;
/// Makes a function a task: it stays as it is, and beside it there is a type of the same name, which is the task.
///
/// | in the attribute | |
/// |---|---|
/// | `name = "proj.add"` | the registered name: needed |
/// | `max_retries = 3`, `retried_without_end` | see [`Definition::max_retries`] |
/// | `default_retry_delay = 180` | seconds, or a `Duration` |
/// | `soft_time_limit = 30`, `time_limit = 60` | seconds, or a `Duration` |
/// | `rate_limit = "10/m"`, `queue = "slow"` | see [`Definition`] |
/// | `acks_late`, `keeps_on_failure`, `ignore_result`, `store_errors_even_if_ignored`, `track_started`, `without_events` | see [`Definition`] |
/// | `defaults(y = 3)` | what parameters are when a call does not give them |
///
/// The names in `Args((x, y))` are those of the parameters. An `async fn` runs on a loop, another function on a thread.
///
/// ```
/// use celery_native::{Args, TaskError, Tasks};
///
/// #[celery_native::task(name = "proj.add", max_retries = 3, soft_time_limit = 30, defaults(y = 1))]
/// async fn add(Args((x, y)): Args<(i64, i64)>) -> Result<i64, TaskError> {
///     Ok(x + y)
/// }
///
/// // For a worker, for a client, and for a test.
/// let tasks: Tasks = Tasks::new().register::<add>();
/// let call = add::TASK.call((2, 3));
/// let running = add(Args((2, 3)));
/// # let _ = (tasks, call, running);
/// ```
#[cfg(feature = "macros")]
pub use celery_native_macros::task;
pub use celery_protocol as protocol;
pub use celery_results as results;
pub use celery_scheduler as scheduler;
pub use celery_transport as transport;
pub use celery_worker::{Exit, SendError, Shutdown};
pub use definition::{Definition, blocking, task};
pub use error::Error;
pub use exception::Exception;
pub use extract::{Args, FromRef, FromTask, Kwargs, State};
pub use handler::{BlockingHandler, Handler};
pub use hooks::Hooks;
pub use mounted::Mounted;
pub use parameters::Parameters;
pub use request::Request;
pub use retry::Retry;
pub use run::{Executor, Lanes, TokioExecutor};
pub use service::TaskService;
pub use table::{Prepared, TaskTable};
pub use task_error::{IntoTaskError, TaskError};
pub use task_request::{IntoTaskResponse, TaskRequest, TaskResponse};
pub use tasks::{Registrable, Tasks};
pub use tokio_util::sync::CancellationToken;
pub use worker::Worker;
