//! Where the engine hands jobs to the threads that run `def` tasks.
//!
//! Protocol. The engine pushes into a queue under a mutex and signals a condition variable; a thread waits for it
//! detached from Python and attaches to run what it took. The executor never gives out more jobs than there are slots,
//! and there is a thread per slot, so a job in the queue is picked up at once.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use celery_executor::{EventSender, Interrupt, Job as Work, JobId, Runner};
use pyo3::prelude::*;

use crate::interrupter;
use crate::job::{Job, Place, Shared};
use crate::loop_port::Port;
use crate::sink::Sink;

#[derive(Debug)]
enum Order {
    Interrupt(JobId, Arc<Shared>, Interrupt),
    Stop,
}

/// The half that the engine uses.
#[derive(Debug)]
pub(crate) struct Pool {
    queue: Mutex<VecDeque<Work>>,
    available: Condvar,
    closed: AtomicBool,
    running: Mutex<HashMap<JobId, Arc<Shared>>>,
    orders: mpsc::Sender<Order>,
}

impl Pool {
    /// Waits for a job; `None` once the pool is closed.
    fn next(&self) -> Option<Work> {
        let mut queue = lock(&self.queue);
        loop {
            if let Some(work) = queue.pop_front() {
                return Some(work);
            }
            if self.closed.load(Ordering::Acquire) {
                return None;
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
        // A job is marked as given up while it is among the running ones. Its thread leaves them before it looks at the
        // mark, so it ends exactly when it is replaced.
        let running = lock(&self.running);
        let Some(shared) = running.get(&job).cloned() else { return };
        if how == Interrupt::Abandon {
            interrupter::abandon(&shared);
        }
        drop(running);
        // The receiver is gone only when the process ends.
        let _ = self.orders.send(Order::Interrupt(job, shared, how));
    }
}

/// The half that the threads use.
#[pyclass(frozen, module = "celery_oxide._engine")]
pub struct ThreadPool {
    pool: Arc<Pool>,
    orders: Mutex<mpsc::Receiver<Order>>,
    sink: Sink,
    entries: std::sync::OnceLock<Vec<Py<PyAny>>>,
    threads: AtomicUsize,
    /// The loop that finishes what a `def` task returns, if that is an awaitable.
    port: Arc<Port>,
}

impl ThreadPool {
    pub(crate) fn new(events: EventSender, port: Arc<Port>) -> Self {
        let (sender, orders) = mpsc::channel();
        let pool = Pool {
            queue: Mutex::default(),
            available: Condvar::new(),
            closed: AtomicBool::new(false),
            running: Mutex::default(),
            orders: sender,
        };
        Self {
            pool: Arc::new(pool),
            orders: Mutex::new(orders),
            sink: Sink::direct(events),
            entries: std::sync::OnceLock::new(),
            threads: AtomicUsize::new(0),
            port,
        }
    }

    pub(crate) fn pool(&self) -> Arc<Pool> {
        Arc::clone(&self.pool)
    }
}

#[pymethods]
impl ThreadPool {
    /// Gives the pool the tasks, before the first thread works.
    fn open(&self, entries: Vec<Py<PyAny>>) {
        let _ = self.entries.set(entries);
    }

    /// Works on this thread with `run(job)` until the pool is closed or a job of this thread was given up.
    fn work(&self, py: Python<'_>, run: Py<PyAny>) -> PyResult<()> {
        self.threads.fetch_add(1, Ordering::Relaxed);
        while let Some(work) = py.detach(|| self.pool.next()) {
            let Some(entry) = self.entries.get().and_then(|entries| entries.get(work.task as usize)) else {
                break;
            };
            let id = work.id;
            let job = Py::new(py, Job::new(work, entry.clone_ref(py), self.sink.clone(), None, None))?;
            let shared = Arc::clone(&job.get().shared);
            lock(&self.pool.running).insert(id, Arc::clone(&shared));
            let ran = run.call1(py, (job.clone_ref(py),));
            job.get().lose_unless(py, ran)?;
            lock(&self.pool.running).remove(&id);
            if shared.abandoned.load(Ordering::Acquire) {
                break;
            }
        }
        self.threads.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    /// Has the loop finish `awaitable` for `job`, which this thread waits for meanwhile.
    fn finish_on_loop(&self, job: Py<Job>, awaitable: Py<PyAny>) {
        *lock(&job.get().shared.body) = Place::Loop;
        self.port.finish(job, awaitable);
    }

    /// Interrupts jobs until the pool is closed: raises `soft` in a body at its soft limit and `hard` in one that was
    /// given up, which `replace()` then replaces with a fresh thread.
    fn interrupt(
        &self,
        py: Python<'_>,
        soft: &Bound<'_, PyAny>,
        hard: &Bound<'_, PyAny>,
        replace: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        while let Ok(Order::Interrupt(job, shared, how)) = py.detach(|| lock(&self.orders).recv()) {
            if how == Interrupt::Abandon
                && !self.pool.closed.load(Ordering::Acquire)
                && let Err(error) = replace.call0()
            {
                tracing::error!("Cannot start a thread in place of one that is stuck: {error}");
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
            }
        }
        Ok(())
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
        self.threads.load(Ordering::Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
