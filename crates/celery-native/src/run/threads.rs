//! The pool of threads for tasks that block or compute.
//!
//! Protocol. The executor pushes jobs into a queue under a mutex and signals a condition variable. It never gives out more
//! jobs than there are slots, and there is a thread for each, so a job in the queue is picked up at once. A job passes from
//! the queue to the running ones under one mutex, so whoever interrupts it finds it in one of the two.
//!
//! A thread whose job was given up cannot be stopped. It counts no more, another one takes its place, and it ends with its
//! job, whose outcome nobody hears.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use celery_executor::{Event, EventSender, Health, Interrupt, Job, JobId, Outcome, Runner};
use tokio::runtime::Handle;

use super::block_on::block_on;
use crate::{Prepared, Request, TaskTable};

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Job>,
    running: HashMap<JobId, Request>,
    /// How many threads there are whose jobs were not given up.
    threads: usize,
    wanted: usize,
    closed: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    available: Condvar,
    table: Arc<TaskTable>,
    events: EventSender,
    /// What layers, and tasks that ask for it, find as the current runtime.
    runtime: Handle,
}

/// The pool, as the executor has it. Its threads end with it, once they have nothing to do.
#[derive(Debug)]
pub(crate) struct ThreadRunner(Arc<Shared>);

impl ThreadRunner {
    /// A pool of so many threads, which start with the first jobs. To be called on a runtime.
    pub(crate) fn start(threads: usize, table: Arc<TaskTable>, events: EventSender) -> Self {
        let state = Mutex::new(State { wanted: threads, ..State::default() });
        let runtime = Handle::current();
        Self(Arc::new(Shared { state, available: Condvar::new(), table, events, runtime }))
    }

    /// Starts the threads that are missing for what there is to do.
    fn grow(&self, state: &mut State) {
        while state.threads < state.wanted.min(state.running.len() + state.queue.len()) {
            let shared = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name(String::from("celery-blocking"));
            match thread.spawn(move || shared.work()) {
                Ok(_) => state.threads += 1,
                Err(error) => {
                    tracing::error!("Cannot start a thread for blocking tasks: {error}");
                    return;
                }
            }
        }
    }
}

impl Drop for ThreadRunner {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.available.notify_all();
    }
}

impl Runner for ThreadRunner {
    fn start(&self, job: Job) {
        let mut state = self.0.lock();
        state.queue.push_back(job);
        self.grow(&mut state);
        drop(state);
        self.0.available.notify_one();
    }

    fn flush(&self) {}

    fn interrupt(&self, job: JobId, how: Interrupt) {
        let gives_up = matches!(how, Interrupt::Abandon | Interrupt::Terminate);
        let mut state = self.0.lock();
        if let Some(index) = state.queue.iter().position(|waiting| waiting.id == job) {
            if gives_up {
                state.queue.remove(index);
                drop(state);
                self.0.events.send(Event::Ended { job, outcome: Outcome::Ignored });
            }
            return;
        }
        let Some(request) = state.running.get(&job).cloned() else { return };
        request.interrupt(how);
        if gives_up {
            state.running.remove(&job);
            state.threads -= 1;
            self.grow(&mut state);
        }
    }

    fn resize(&self, slots: usize) {
        let mut state = self.0.lock();
        state.wanted = slots;
        self.grow(&mut state);
        drop(state);
        self.0.available.notify_all();
    }

    fn health(&self) -> Health {
        let mut health = Health::default();
        health.threads = Some(self.0.lock().threads);
        health
    }
}

impl Shared {
    /// What each thread does.
    fn work(&self) {
        let _entered = self.runtime.enter();
        while let Some((id, report, prepared)) = self.next() {
            if report {
                self.events.send(Event::Started { job: id, at: Instant::now() });
            }
            let outcome = block_on(prepared.outcome);
            let given_up = self.lock().running.remove(&id).is_none();
            self.events.send(Event::Ended { job: id, outcome });
            if given_up {
                return;
            }
        }
    }

    /// Waits for a job; `None` when this thread is to end.
    fn next(&self) -> Option<(JobId, bool, Prepared)> {
        let mut state = self.lock();
        loop {
            if state.threads > state.wanted || (state.closed && state.queue.is_empty()) {
                state.threads -= 1;
                // What was this thread's to take is another's.
                self.available.notify_one();
                return None;
            }
            if let Some(job) = state.queue.pop_front() {
                let (id, report) = (job.id, job.report_start);
                let prepared = self.table.prepare(job);
                state.running.insert(id, prepared.request.clone());
                return Some((id, report, prepared));
            }
            state = self.available.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
