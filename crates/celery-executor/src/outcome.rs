//! How a job ended.

use std::time::Duration;

use bytes::Bytes;

/// How a job ended. Whoever runs the worker turns this into a stored result, events and an ack.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The task returned.
    Succeeded(Success),
    /// The task raised.
    Failed(Failure),
    /// The task asked to be run again, and its retry has been published.
    Retried {
        /// The exception that is stored meanwhile: the cause given to `retry(exc=…)`, if any.
        cause: Option<Failure>,
        /// What the log line says: `Retry in 5s: ConnectionError()`.
        reason: String,
        /// The traceback that is stored meanwhile.
        traceback: String,
        /// The tasks that this one sent, the retry among them, as JSON; `None` for none.
        children: Option<String>,
        /// Whether the runner has stored the state itself.
        stored: bool,
    },
    /// The task raised `Ignore`: acknowledged, nothing stored.
    Ignored,
    /// The task raised `Reject`. Without `requeue` it has failed for good.
    Rejected {
        /// Whether the message goes back to its queue.
        requeue: bool,
        /// What the log line and an event say: `reject requeue=False: too late`.
        reason: String,
        /// Where it was raised.
        traceback: String,
        /// Whether the runner has stored the failure that it is without `requeue`.
        stored: bool,
    },
    /// The job was ended from outside while it ran (`revoke` with `terminate`).
    Terminated {
        /// The number of the signal that a process would have got.
        signal: i32,
    },
    /// The job passed its hard time limit and was given up.
    TimedOut {
        /// The limit.
        limit: Duration,
    },
}

/// What a task that returned leaves.
#[derive(Debug, Default)]
pub struct Success {
    /// The return value as JSON.
    pub result: Bytes,
    /// The return value as the log shows it; `None` when nobody asked.
    pub repr: Option<String>,
    /// The tasks that this one sent, as JSON (`celery/result.py: AsyncResult.as_tuple`); `None` for none.
    pub children: Option<String>,
    /// Whether the result is stored already, by the runner or by an earlier [`Event::Store`](crate::Event::Store).
    pub stored: bool,
    /// How long the task ran.
    pub runtime: Duration,
    /// Whether what follows the task is still to be sent: its links, the next step of its chain, the body of its chord.
    pub follow: bool,
}

/// An exception, ready to be stored.
#[derive(Debug, Default, Clone)]
pub struct Failure {
    /// The qualified name of the exception's class.
    pub exc_type: String,
    /// The module of the exception's class.
    pub exc_module: String,
    /// The exception's arguments as JSON.
    pub exc_message: String,
    /// The traceback text.
    pub traceback: String,
    /// `repr()` of the exception, for the log.
    pub repr: String,
    /// The tasks that this one sent, as JSON; `None` for none.
    pub children: Option<String>,
    /// Whether the task lists this exception in `throws`: logged without a traceback.
    pub expected: bool,
    /// Whether the result is stored already.
    pub stored: bool,
    /// Whether what a failure concerns is still to be told: the chord that it is a part of, the steps of its chain, its
    /// error links.
    pub follow: bool,
}
