//! What is to be run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use celery_protocol::Message;

/// Names a job within one executor. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// Which pool a task runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A coroutine: on an event loop, among many.
    Async,
    /// A function: on a thread of its own.
    Sync,
}

impl Kind {
    /// The word shown to people: `async` or `sync`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Async => "async",
            Self::Sync => "sync",
        }
    }
}

/// The time limits of a job, measured from its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// When the job is interrupted with `SoftTimeLimitExceeded`.
    pub soft: Option<Duration>,
    /// When the job is failed with `TimeLimitExceeded`.
    pub hard: Option<Duration>,
}

/// A task to run: plain data, its body still undecoded, so that a runner may sit in another process.
#[derive(Debug)]
#[non_exhaustive]
pub struct Job {
    /// Names the job in events.
    pub id: JobId,
    /// Which of the registered tasks to run: an index that the runner and the worker agreed on.
    pub task: u32,
    /// The message, protocol 2. Shared, since whoever gave the job may have to look at it again.
    pub message: Arc<Message>,
    /// Its time limits.
    pub limits: Limits,
    /// From when on it is not to be started any more.
    pub expires: Option<Instant>,
    /// Whether the start has to be reported: a job with limits always is.
    pub report_start: bool,
    /// Whether somebody wants the return value. Otherwise the runner does not encode it.
    pub wants_result: bool,
    /// Whether somebody wants the `repr` of the return value: a log line, an event.
    pub wants_repr: bool,
    /// Whether what follows the task may be left to whoever runs the worker.
    pub follows: bool,
    /// The order among waiting jobs: 0 first, then first come.
    pub rank: u16,
}

impl Job {
    /// A job for task number `task`, without limits.
    pub fn new(id: JobId, task: u32, message: impl Into<Arc<Message>>) -> Self {
        Self {
            id,
            task,
            message: message.into(),
            limits: Limits::default(),
            expires: None,
            report_start: false,
            wants_result: true,
            wants_repr: false,
            follows: false,
            rank: 0,
        }
    }

    /// Sets the time limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.report_start |= limits != Limits::default();
        self.limits = limits;
        self
    }

    /// Sets from when on the job is not to be started any more.
    #[must_use]
    pub fn with_expiry(mut self, expires: Option<Instant>) -> Self {
        self.expires = expires;
        self
    }

    /// Asks for [`Event::Started`](crate::Event::Started).
    #[must_use]
    pub fn with_report_start(mut self, report: bool) -> Self {
        self.report_start |= report;
        self
    }

    /// Says whether somebody wants the return value.
    #[must_use]
    pub fn with_wants_result(mut self, wants: bool) -> Self {
        self.wants_result = wants;
        self
    }

    /// Says whether somebody wants the `repr` of the return value.
    #[must_use]
    pub fn with_wants_repr(mut self, wants: bool) -> Self {
        self.wants_repr = wants;
        self
    }

    /// Says whether what follows the task may be left to whoever runs the worker.
    #[must_use]
    pub fn with_follows(mut self, follows: bool) -> Self {
        self.follows = follows;
        self
    }

    /// Sets the order among waiting jobs.
    #[must_use]
    pub fn with_rank(mut self, rank: u16) -> Self {
        self.rank = rank;
        self
    }
}
