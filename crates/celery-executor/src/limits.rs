//! When the limits of running jobs pass.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tokio::time::Instant;

use crate::{JobId, Limits};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Limit {
    Soft,
    Hard,
}

/// A heap of deadlines. A job that ends leaves its deadlines behind: they find no job and pass unseen, or are tidied
/// away when there are many.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(BinaryHeap<Reverse<(Instant, JobId, Limit)>>);

impl Deadlines {
    pub(crate) fn start(&mut self, job: JobId, at: Instant, limits: Limits) {
        // A limit too far to be written down is none.
        for (limit, after) in [(Limit::Soft, limits.soft), (Limit::Hard, limits.hard)] {
            if let Some(due) = after.and_then(|after| at.checked_add(after)) {
                self.0.push(Reverse((due, job, limit)));
            }
        }
    }

    /// Forgets the deadlines of jobs that do not run any more, once they are the most.
    pub(crate) fn tidy(&mut self, running: usize, runs: impl Fn(JobId) -> bool) {
        if self.0.len() > 4 * running + 1024 {
            self.0.retain(|Reverse((_, job, _))| runs(*job));
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, ..))| *at)
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(JobId, Limit)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, job, limit))| (job, limit))
    }
}
