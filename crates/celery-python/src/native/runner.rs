//! A lane for both kinds of task: its slots are shared.

use std::collections::HashMap;
use std::sync::Arc;

use celery_executor::{Health, Interrupt, Job, JobId, Runner};

/// Of each Rust task, its number among the tasks of the engine, and among Rust's.
pub(super) type Places = HashMap<u32, u32>;

/// Gives each job to the runner that has its task. Neither minds an interruption of a job that is not its own.
pub(super) struct Both {
    python: Arc<dyn Runner>,
    own: Arc<dyn Runner>,
    places: Arc<Places>,
}

impl Both {
    pub(super) fn new(python: Arc<dyn Runner>, own: Arc<dyn Runner>, places: &Arc<Places>) -> Self {
        Self { python, own, places: Arc::clone(places) }
    }
}

impl Runner for Both {
    fn start(&self, mut job: Job) {
        match self.places.get(&job.task) {
            Some(&own) => {
                job.task = own;
                self.own.start(job);
            }
            None => self.python.start(job),
        }
    }

    fn flush(&self) {
        self.python.flush();
        self.own.flush();
    }

    fn interrupt(&self, job: JobId, how: Interrupt) {
        self.python.interrupt(job, how);
        self.own.interrupt(job, how);
    }

    fn resize(&self, slots: usize) {
        self.python.resize(slots);
        self.own.resize(slots);
    }

    fn probe(&self) {
        self.python.probe();
        self.own.probe();
    }

    /// The slower of the two loops, and the threads of both.
    fn health(&self) -> Health {
        let (python, own) = (self.python.health(), self.own.health());
        let mut health = python;
        health.lag = python.lag.max(own.lag);
        health.threads = match (python.threads, own.threads) {
            (Some(python), Some(own)) => Some(python + own),
            (one, other) => one.or(other),
        };
        health
    }
}
