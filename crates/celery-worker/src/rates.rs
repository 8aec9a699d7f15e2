//! Tasks that wait for their rate limit.
//!
//! A limit is per task and per worker (`celery/worker/consumer/consumer.py: Consumer._limit_task`). What waits keeps its
//! order and counts against the prefetch, so a limited task that is flooded with messages stops the fetching, as it does
//! in a stock worker.

use std::collections::{HashMap, VecDeque};
use std::time::SystemTime;

use celery_scheduler::{RateLimit, TokenBucket};

use crate::TaskSpec;
use crate::in_flight::Admitted;

/// The limited tasks of a worker.
#[derive(Debug)]
pub(crate) struct RateLimits(HashMap<u32, Limited>);

#[derive(Debug)]
struct Limited {
    bucket: TokenBucket,
    waiting: VecDeque<Admitted>,
    /// When the bucket has the next token, while something waits.
    due: SystemTime,
}

impl RateLimits {
    pub(crate) fn new(tasks: &[TaskSpec], now: SystemTime) -> Self {
        let limited = (0..).zip(tasks).filter_map(|(index, spec)| {
            let bucket = TokenBucket::new(spec.rate_limit?, now);
            Some((index, Limited { bucket, waiting: VecDeque::new(), due: now }))
        });
        Self(limited.collect())
    }

    /// Changes the limit of a task; without one, whatever waited for it comes back.
    pub(crate) fn set(&mut self, task: u32, limit: Option<RateLimit>, now: SystemTime) -> Vec<Admitted> {
        let waiting = self.0.remove(&task).map(|limited| limited.waiting).unwrap_or_default();
        match limit {
            Some(limit) => {
                let bucket = TokenBucket::new(limit, now);
                self.0.insert(task, Limited { bucket, waiting, due: now });
                Vec::new()
            }
            None => waiting.into(),
        }
    }

    /// Takes whatever waits and is meant.
    pub(crate) fn take_if(&mut self, mut wanted: impl FnMut(&Admitted) -> bool) -> Vec<Admitted> {
        let mut taken = Vec::new();
        for limited in self.0.values_mut() {
            for admitted in std::mem::take(&mut limited.waiting) {
                if wanted(&admitted) { taken.push(admitted) } else { limited.waiting.push_back(admitted) }
            }
        }
        taken
    }

    /// What waits.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Admitted> {
        self.0.values().flat_map(|limited| &limited.waiting)
    }

    /// Lets a task through, or keeps it until there is a token for it.
    pub(crate) fn pass(&mut self, admitted: Admitted, now: SystemTime) -> Option<Admitted> {
        let Some(limited) = self.0.get_mut(&admitted.job.task) else { return Some(admitted) };
        if limited.waiting.is_empty() {
            match limited.bucket.take(now) {
                Ok(()) => return Some(admitted),
                Err(wait) => limited.due = now + wait,
            }
        }
        limited.waiting.push_back(admitted);
        None
    }

    /// When the next task may go.
    pub(crate) fn next_due(&self) -> Option<SystemTime> {
        self.0.values().filter(|limited| !limited.waiting.is_empty()).map(|limited| limited.due).min()
    }

    /// Takes a task that may go now.
    pub(crate) fn pop_due(&mut self, now: SystemTime) -> Option<Admitted> {
        let mut ready =
            self.0.values_mut().filter(|limited| !limited.waiting.is_empty() && limited.due <= now);
        ready.find_map(|limited| match limited.bucket.take(now) {
            Ok(()) => {
                limited.due = now;
                limited.waiting.pop_front()
            }
            Err(wait) => {
                limited.due = now + wait;
                None
            }
        })
    }

    /// Takes everything that waits.
    pub(crate) fn drain(&mut self) -> Vec<Admitted> {
        self.0.values_mut().flat_map(|limited| limited.waiting.drain(..)).collect()
    }
}
