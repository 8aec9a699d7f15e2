//! What can go wrong between a client and its tasks.

use std::time::Duration;

use celery_protocol::{ExceptionInfo, State};

/// The result of a client's operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the client, or of a task that it awaits.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The broker, while a message was sent or listened for.
    #[error("broker: {0}")]
    Broker(#[from] celery_transport::Error),
    /// The result backend.
    #[error("result backend: {0}")]
    Results(#[from] celery_results::Error),
    /// A call that cannot be written, or a result that cannot be read as what it was wanted as.
    #[error(transparent)]
    Protocol(#[from] celery_protocol::Error),
    /// The task did not succeed.
    #[error(transparent)]
    Task(Box<TaskFailure>),
    /// The result was not there in time. The task may still run.
    #[error("no result of {id} within {timeout:?}")]
    Timeout {
        /// The id of the task or group.
        id: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// A worker that was asked answered with an error.
    #[error("worker {node}: {reason}")]
    Node {
        /// Its node name.
        node: String,
        /// What it said.
        reason: String,
    },
    /// The client was made without a result backend.
    #[error("this client has no result backend: name one with `Client::builder(…).results(url)`")]
    NoResults,
    /// There was nothing to send: an empty chain.
    #[error("an empty chain has nothing to send")]
    Nothing,
    /// The runtime that the client's connection lives on has ended.
    #[error("the client is closed: the runtime that it was made on has ended")]
    Closed,
}

/// A task that failed or was revoked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("task {id} is {}: {}", state.as_str(), described(exception))]
#[non_exhaustive]
pub struct TaskFailure {
    /// The id of the task.
    pub id: String,
    /// `FAILURE` or `REVOKED`.
    pub state: State,
    /// The exception, as Celery stores it.
    pub exception: ExceptionInfo,
    /// The traceback as Python prints it.
    pub traceback: Option<String>,
}

/// `ValueError("no")`, nearly as Python shows it.
fn described(exception: &ExceptionInfo) -> String {
    let arguments = exception.exc_message.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    format!("{}({})", exception.exc_type, arguments.unwrap_or(&exception.exc_message))
}
