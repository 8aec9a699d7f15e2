//! Why a worker cannot be made, or ended.

/// Why a worker cannot be made, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A task was registered in a way that makes no sense.
    #[error("task {task}: {reason}")]
    Task {
        /// The task.
        task: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two tasks have the same name.
    #[error("two tasks are named {0}")]
    Twice(String),
    /// A periodic task cannot be sent as it was given.
    #[error("periodic task {name:?}: {reason}")]
    Periodic {
        /// Its name in the timetable.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A timetable, a crontab or an interval that makes no sense.
    #[error(transparent)]
    Schedule(#[from] celery_scheduler::Error),
    /// There are no tasks.
    #[error("the worker has no tasks: give it some with `tasks`")]
    NoTasks,
    /// There is no broker.
    #[error("the worker has no broker: name one with `broker` or give a `transport`")]
    NoBroker,
    /// The broker cannot be used.
    #[error(transparent)]
    Broker(#[from] celery_transport::Error),
    /// The result backend cannot be used.
    #[error(transparent)]
    Results(#[from] celery_results::Error),
    /// The client of a worker under test.
    #[cfg(feature = "testing")]
    #[error(transparent)]
    Client(#[from] celery_client::Error),
    /// The worker ended early.
    #[error(transparent)]
    Worker(#[from] celery_worker::Error),
    /// A thread, a runtime or a signal handler could not be had.
    #[error("cannot start: {0}")]
    Start(#[from] std::io::Error),
}
