//! Where the engine hands jobs to the threads that run `def` tasks.
//!
//! Protocol. The engine pushes into a queue under a mutex and signals a condition variable; a thread waits for it
//! detached from Python and attaches to run what it took. The executor never gives out more jobs than there are slots,
//! and there is a thread per slot, so a job in the queue is picked up at once. A job passes from the queue to the
//! running ones under the queue's mutex, so whoever interrupts it finds it in one of the two.
//!
//! `wanted` threads are kept. A thread counts until it ends, or until its job is given up, from when on it is replaced
//! and ends with its job. One that finds more than are wanted ends.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use celery_executor::{Event, EventSender, Health, Interrupt, Job as Work, JobId, Outcome, Runner};
use pyo3::prelude::*;

use crate::interrupter;
use crate::job::{Job, Place, Shared};
use crate::loop_port::Port;
use crate::sink::Sink;

#[derive(Debug)]
enum Order {
    Interrupt(JobId, Arc<Shared>, Interrupt),
    /// There are fewer threads than are wanted.
    Grow,
    Stop,
}

/// The half that the engine uses.
#[derive(Debug)]
pub(crate) struct Pool {
    queue: Mutex<VecDeque<Work>>,
    available: Condvar,
    closed: AtomicBool,
    running: Mutex<HashMap<JobId, Arc<Shared>>>,
    /// How many threads there are, and how many are to be. Changed under the queue's mutex.
    threads: AtomicUsize,
    wanted: AtomicUsize,
    orders: mpsc::Sender<Order>,
    events: EventSender,
}

impl Pool {
    /// Waits for a job; `None` once the pool is closed, or has more threads than are wanted.
    fn next(&self) -> Option<(Work, Arc<Shared>)> {
        let mut queue = lock(&self.queue);
        loop {
            let threads = self.threads.load(Ordering::Relaxed);
            if self.closed.load(Ordering::Acquire) && queue.is_empty()
                || threads > self.wanted.load(Ordering::Relaxed)
            {
                self.threads.store(threads - 1, Ordering::Relaxed);
                // What was this thread's to take is another's.
                self.available.notify_one();
                return None;
            }
            if let Some(work) = queue.pop_front() {
                let shared = Arc::<Shared>::default();
                lock(&self.running).insert(work.id, Arc::clone(&shared));
                return Some((work, shared));
            }
            queue = self.available.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Runner for Pool {
    fn start(&self, job: Work) {
        lock(&self.queue).push_back(job);
        self.available.notify_one();
    }

    fn flush(&self) {}

    fn interrupt(&self, job: JobId, how: Interrupt) {
        let mut queue = lock(&self.queue);
        if let Some(index) = queue.iter().position(|work| work.id == job) {
            if gives_up(how) {
                queue.remove(index);
                self.events.send(Event::Ended { job, outcome: Outcome::Ignored });
            }
            return;
        }
        // A job is marked as given up while it is among the running ones. Its thread leaves them before it looks at the
        // mark, so it ends exactly when it is replaced.
        let running = lock(&self.running);
        let Some(shared) = running.get(&job).cloned() else { return };
        if gives_up(how) {
            interrupter::abandon(&shared);
            self.threads.fetch_sub(1, Ordering::Relaxed);
        }
        drop(running);
        drop(queue);
        // The receiver is gone only when the process ends.
        let _ = self.orders.send(Order::Interrupt(job, shared, how));
    }

    fn resize(&self, slots: usize) {
        let queue = lock(&self.queue);
        self.wanted.store(slots, Ordering::Relaxed);
        drop(queue);
        self.available.notify_all();
        let _ = self.orders.send(Order::Grow);
    }

    fn health(&self) -> Health {
        let mut health = Health::default();
        health.threads = Some(self.threads.load(Ordering::Relaxed));
        health
    }
}

/// Whether nobody listens to the job any more, and its thread is replaced.
fn gives_up(how: Interrupt) -> bool {
    matches!(how, Interrupt::Abandon | Interrupt::Terminate)
}

/// The half that the threads use.
#[pyclass(frozen, module = "celery_oxide._engine")]
pub struct ThreadPool {
    pool: Arc<Pool>,
    orders: Mutex<mpsc::Receiver<Order>>,
    sink: Sink,
    entries: std::sync::OnceLock<Vec<Py<PyAny>>>,
    /// The loop that finishes what a `def` task returns, if that is an awaitable.
    port: Arc<Port>,
}

impl ThreadPool {
    pub(crate) fn new(events: EventSender, port: Arc<Port>, slots: usize) -> Self {
        let (sender, orders) = mpsc::channel();
        let pool = Pool {
            queue: Mutex::default(),
            available: Condvar::new(),
            closed: AtomicBool::new(false),
            running: Mutex::default(),
            threads: AtomicUsize::new(0),
            wanted: AtomicUsize::new(slots),
            orders: sender,
            events: events.clone(),
        };
        Self {
            pool: Arc::new(pool),
            orders: Mutex::new(orders),
            sink: Sink::direct(events),
            entries: std::sync::OnceLock::new(),
            port,
        }
    }

    pub(crate) fn pool(&self) -> Arc<Pool> {
        Arc::clone(&self.pool)
    }
}

#[pymethods]
impl ThreadPool {
    /// Gives the pool the tasks, and starts its threads with `add()`.
    fn open(&self, entries: Vec<Py<PyAny>>, add: &Bound<'_, PyAny>) {
        let _ = self.entries.set(entries);
        self.grow(add);
    }

    /// Works on this thread with `run(job)` until the pool is closed or a job of this thread was given up.
    fn work(&self, py: Python<'_>, run: Py<PyAny>) -> PyResult<()> {
        while let Some((work, shared)) = py.detach(|| self.pool.next()) {
            let Some(entry) = self.entries.get().and_then(|entries| entries.get(work.task as usize)) else {
                break;
            };
            let id = work.id;
            let job = Job::new(work, entry.clone_ref(py), self.sink.clone(), None, None);
            let job = Py::new(py, job.sharing(Arc::clone(&shared)))?;
            let ran = run.call1(py, (job.clone_ref(py),));
            job.get().lose_unless(py, ran)?;
            lock(&self.pool.running).remove(&id);
            if shared.abandoned.load(Ordering::Acquire) {
                break;
            }
        }
        Ok(())
    }

    /// Has the loop finish `awaitable` for `job`, which this thread waits for meanwhile.
    fn finish_on_loop(&self, job: Py<Job>, awaitable: Py<PyAny>) {
        *lock(&job.get().shared.body) = Place::Loop;
        self.port.finish(job, awaitable);
    }

    /// Keeps as many threads as are wanted, with `add()`, and interrupts jobs until the pool is closed: raises `soft` in
    /// a body at its soft limit, `hard` in one that was given up and `terminated` in one that was terminated.
    fn interrupt(
        &self,
        py: Python<'_>,
        soft: &Bound<'_, PyAny>,
        hard: &Bound<'_, PyAny>,
        terminated: &Bound<'_, PyAny>,
        add: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        loop {
            let (job, shared, how) = match py.detach(|| lock(&self.orders).recv()) {
                Ok(Order::Interrupt(job, shared, how)) => (job, shared, how),
                Ok(Order::Grow) => {
                    self.grow(add);
                    continue;
                }
                Ok(Order::Stop) | Err(_) => return Ok(()),
            };
            if gives_up(how) {
                self.grow(add);
            }
            let on_loop = *lock(&shared.body) == Place::Loop;
            match how {
                _ if on_loop => self.port.interrupt_now(job, how),
                Interrupt::Soft(_) => {
                    interrupter::inject(py, &shared, soft);
                }
                Interrupt::Abandon => {
                    interrupter::inject(py, &shared, hard);
                }
                Interrupt::Terminate => {
                    interrupter::inject(py, &shared, terminated);
                }
            }
        }
    }

    /// Lets the threads end when they have nothing to do.
    fn close(&self) {
        self.pool.closed.store(true, Ordering::Release);
        drop(lock(&self.pool.queue));
        self.pool.available.notify_all();
        let _ = self.pool.orders.send(Order::Stop);
    }

    /// How many threads work.
    fn threads(&self) -> usize {
        self.pool.threads.load(Ordering::Relaxed)
    }
}

impl ThreadPool {
    /// Starts the threads that are missing.
    fn grow(&self, add: &Bound<'_, PyAny>) {
        while !self.pool.closed.load(Ordering::Acquire) {
            let queue = lock(&self.pool.queue);
            if self.pool.threads.load(Ordering::Relaxed) >= self.pool.wanted.load(Ordering::Relaxed) {
                return;
            }
            self.pool.threads.fetch_add(1, Ordering::Relaxed);
            drop(queue);
            if let Err(error) = add.call0() {
                self.pool.threads.fetch_sub(1, Ordering::Relaxed);
                tracing::error!("Cannot start a thread for def tasks: {error}");
                return;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
