//! What a worker runs its tasks on.

use std::io;
use std::sync::Arc;

use celery_executor::{EventSender, Lane, Runner};

use super::loops::LoopRunner;
use super::threads::ThreadRunner;
use crate::TaskTable;

/// The lanes of a worker.
#[derive(Debug)]
pub struct Lanes {
    /// For tasks that an `async fn` carries out.
    pub loops: Vec<Lane>,
    /// For tasks that block.
    pub threads: Vec<Lane>,
}

/// What a worker runs its tasks on: makes the [runners](celery_executor::Runner) that are given the jobs.
///
/// A runner has a job [prepared](TaskTable::prepare), polls its future wherever it likes, and reports how it ended.
pub trait Executor: Send {
    /// The lanes, which report to `events`. Called once, when the worker starts, on its runtime.
    ///
    /// # Errors
    ///
    /// When threads or runtimes cannot be had.
    fn lanes(&mut self, table: Arc<TaskTable>, events: EventSender) -> io::Result<Lanes>;
}

/// The executor of a worker that is given no other: loops of tokio, each on a thread of its own, for `async fn`s, and a
/// pool of threads for what blocks.
#[derive(Debug, Clone)]
pub struct TokioExecutor {
    loops: usize,
    concurrency: usize,
    threads: usize,
}

impl Default for TokioExecutor {
    /// One loop with 100 slots, and a thread for each CPU.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { loops: 1, concurrency: 100, threads }
    }
}

impl TokioExecutor {
    /// One loop with 100 slots, and a thread for each CPU.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many loops there are.
    #[must_use]
    pub fn loops(mut self, loops: usize) -> Self {
        self.loops = loops.max(1);
        self
    }

    /// How many tasks run at once on each loop.
    #[must_use]
    pub fn concurrency(mut self, slots: usize) -> Self {
        self.concurrency = slots.max(1);
        self
    }

    /// How many tasks block at once.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }
}

impl Executor for TokioExecutor {
    fn lanes(&mut self, table: Arc<TaskTable>, events: EventSender) -> io::Result<Lanes> {
        let mut loops = Vec::with_capacity(self.loops);
        for index in 0..self.loops {
            let runner = LoopRunner::start(index, Arc::clone(&table), events.clone())?;
            loops.push(Lane::new(Arc::new(runner) as Arc<dyn Runner>, self.concurrency));
        }
        let pool = ThreadRunner::start(self.threads, table, events);
        Ok(Lanes { loops, threads: vec![Lane::new(Arc::new(pool), self.threads)] })
    }
}
