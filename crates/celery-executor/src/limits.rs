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

/// A heap of deadlines. A job that ends leaves its deadlines behind: they find no job and pass unseen.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(BinaryHeap<Reverse<(Instant, JobId, Limit)>>);

impl Deadlines {
    pub(crate) fn start(&mut self, job: JobId, at: Instant, limits: Limits) {
        if let Some(soft) = limits.soft {
            self.0.push(Reverse((at + soft, job, Limit::Soft)));
        }
        if let Some(hard) = limits.hard {
            self.0.push(Reverse((at + hard, job, Limit::Hard)));
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
