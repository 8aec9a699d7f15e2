//! An executor of one's own: the tasks run on the threads of a runtime that somebody else has too, and no more than
//! `slots` of each kind at once.
//!
//! Protocol: the engine calls `start` and `interrupt` from one thread. Each job is a task of the runtime; whoever removes it
//! from the running ones reports its end, so that it is reported once.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use celery_native::executor::{Event, EventSender, Interrupt, Job, JobId, Lane, Outcome, Runner};
use celery_native::{Executor, Lanes, Request, TaskTable};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// Runs tasks on a runtime.
pub(crate) struct Shared {
    pub(crate) runtime: Handle,
    pub(crate) slots: usize,
}

impl Executor for Shared {
    fn lanes(&mut self, table: Arc<TaskTable>, events: EventSender) -> io::Result<Lanes> {
        let runner = |blocks| Spawner {
            runtime: self.runtime.clone(),
            blocks,
            table: Arc::clone(&table),
            events: events.clone(),
            running: Arc::default(),
        };
        let lane = |blocks| vec![Lane::new(Arc::new(runner(blocks)), self.slots)];
        Ok(Lanes { loops: lane(false), threads: lane(true) })
    }
}

type Running = Arc<Mutex<HashMap<JobId, (Request, Option<AbortHandle>)>>>;

struct Spawner {
    runtime: Handle,
    /// Whether the tasks block.
    blocks: bool,
    table: Arc<TaskTable>,
    events: EventSender,
    running: Running,
}

impl Runner for Spawner {
    fn start(&self, job: Job) {
        let (id, report) = (job.id, job.report_start);
        let prepared = self.table.prepare(job);
        let (events, running) = (self.events.clone(), Arc::clone(&self.running));
        lock(&running).insert(id, (prepared.request, None));
        let run = async move {
            if report {
                events.send(Event::Started { job: id, at: Instant::now() });
            }
            let outcome = prepared.outcome.await;
            if lock(&running).remove(&id).is_some() {
                events.send(Event::Ended { job: id, outcome });
            }
        };
        let task = match self.blocks {
            // A thread of its own, which a task that blocks may have for as long as it likes.
            true => {
                let runtime = self.runtime.clone();
                self.runtime.spawn_blocking(move || runtime.block_on(run)).abort_handle()
            }
            false => self.runtime.spawn(run).abort_handle(),
        };
        if let Some((_, handle)) = lock(&self.running).get_mut(&id) {
            *handle = Some(task);
        }
    }

    fn flush(&self) {}

    fn interrupt(&self, job: JobId, how: Interrupt) {
        let mut running = lock(&self.running);
        let Some((request, _)) = running.get(&job) else { return };
        request.interrupt(how);
        if matches!(how, Interrupt::Soft(_)) {
            return;
        }
        if let Some((_, Some(task))) = running.remove(&job) {
            task.abort();
        }
        self.events.send(Event::Ended { job, outcome: Outcome::Ignored });
    }

    fn resize(&self, _: usize) {}
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
