//! What really runs jobs.

use std::time::Duration;

use crate::{Job, JobId};

/// Runs jobs: an event loop, a pool of threads. Called by the executor only, from one thread.
///
/// No method may block or wait: the executor runs on the worker's reactor.
pub trait Runner: Send + Sync {
    /// Takes a job. The executor never gives a runner more jobs than it has slots. The runner may hold the job back
    /// until [`flush`](Self::flush), so that a burst costs one wake-up.
    fn start(&self, job: Job);

    /// Ends a burst of [`start`](Self::start)s.
    fn flush(&self);

    /// Interrupts a job, if it still runs.
    fn interrupt(&self, job: JobId, how: Interrupt);

    /// Gets ready for `slots` jobs at once. Fewer than before: what runs goes on.
    fn resize(&self, slots: usize);

    /// Has the runner find out how it is, for [`health`](Self::health) to tell later. Called now and then while jobs run.
    fn probe(&self) {}

    /// How the runner is, as far as it can tell without waiting.
    fn health(&self) -> Health {
        Health::default()
    }
}

/// How a runner is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// How long an event loop took to answer the last time, or has not answered yet.
    pub lag: Option<Duration>,
    /// How many threads it has.
    pub threads: Option<usize>,
}

/// Why a job is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// Its soft time limit has passed: raise `SoftTimeLimitExceeded` in it.
    Soft(Duration),
    /// Its hard time limit has passed, or the worker shuts down cold: end it. Nobody listens to it any more, and its
    /// slot is already another job's.
    Abandon,
    /// It was terminated: the same, but that its thread is told so.
    Terminate,
}
