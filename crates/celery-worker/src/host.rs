//! What the program around a worker adds to it: for a worker of Python tasks, Python.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use celery_executor::{Failure, JobId};
use celery_protocol::Message;
use celery_protocol::result::RevokedReason;

/// The program around a worker. Calls may take their time: nothing in the worker waits for them but what they are about.
#[async_trait]
pub trait Host: Send + Sync + Debug {
    /// The control commands that the host answers instead of the worker: an app may define any.
    fn commands(&self) -> Vec<String> {
        Vec::new()
    }

    /// Answers a control command that the worker does not know, or one of [`commands`](Self::commands); `arguments` is a
    /// JSON object. The answer is JSON text; an error is the `repr` of an exception. `None`: there is no such command.
    async fn command(&self, method: &str, arguments: &str) -> Option<Result<String, String>>;

    /// The event loop with this number has not answered for so long: something in it blocks. Told once each time.
    fn blocked(&self, index: usize, lag: Duration) {
        let _ = (index, lag);
    }

    /// Does for a task that ended what only the app can do: [`How`] says what.
    async fn conclude(&self, ending: Ending) -> Conclusion;
}

/// A task that ended, and of which the host has something to do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ending {
    /// The job, if it ran here: it counts what is published for it.
    pub job: Option<JobId>,
    /// The name of the task.
    pub task: String,
    /// Its id.
    pub id: String,
    /// Its message, protocol 2.
    pub message: Arc<Message>,
    /// Whether the state is to be stored: not when results are ignored.
    pub store: bool,
    /// How it ended.
    pub how: How,
}

/// What became of concluding a task.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Conclusion {
    /// It is done, and the state of the task, if it has to be stored, is.
    Done,
    /// It could not be done. The state of the task is to be stored by the worker.
    NotDone,
    /// What follows it is published, which gave it these children more, a JSON list.
    Sent(String),
    /// What follows it could not be sent, and it is told as failed.
    Failed(Box<Failure>),
}

/// How a task ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum How {
    /// It passed its hard time limit.
    TimedOut(Duration),
    /// It was not run, or not on. With the signal that ended it, if it ran.
    Revoked(RevokedReason, Option<i32>),
    /// No such task is registered.
    NotRegistered,
    /// It succeeded with this value, JSON. What follows it is sent as the app sends it; its result is stored by the worker
    /// after that.
    Succeeded(Bytes),
    /// It failed so, and what that concerns is still to be told ([`Failure::follow`]).
    Failed(Box<Failure>),
    /// It succeeded with this value, JSON, and its result is stored: its part of a chord is counted.
    Counted(Bytes),
    /// The broker refused, for this reason, something that it published or that follows it: it fails.
    Refused(String),
    /// It completed a chord, and the broker refused the body for this reason: the chord fails.
    BodyRefused(String),
}

impl Ending {
    pub(crate) fn new(
        job: Option<JobId>,
        task: impl Into<String>,
        id: impl Into<String>,
        message: Arc<Message>,
        store: bool,
        how: How,
    ) -> Self {
        Self { job, task: task.into(), id: id.into(), message, store, how }
    }
}
