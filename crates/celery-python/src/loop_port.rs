//! Where the engine hands jobs to an event loop.
//!
//! Protocol. The engine pushes into the inbox under a mutex, and after a burst wakes the loop: it swaps `armed` to true
//! and writes one byte to a socket pair if it was false. The loop reads `drain` through `add_reader`: it empties the
//! socket, sets `armed` to false, and only then takes the inbox. So an item is either in the inbox that is taken, or its
//! push came after the disarming and the wake that follows it writes a new byte: no item is left without a wake. A wake
//! may find an empty inbox.
//!
//! `drain` starts a bounded number of tasks and gives the loop back: timers and sockets go on under any load. How long a
//! loop takes from a wake to the drain is its lag; while jobs run it is woken now and then for nothing else.
//!
//! Per burst: one system call to wake, one to read. Per task: no system call, no Python future, no done-callback.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use celery_executor::{EventSender, Health, Interrupt, Job as Work, JobId, Runner};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::interrupter;
use crate::job::{Job, Running};
use crate::sink::Sink;

/// How many items one turn of the loop takes, and for how long it goes on starting tasks.
const BURST: usize = 64;
const SLICE: Duration = Duration::from_millis(2);

#[derive(Debug)]
enum Item {
    Start(Box<Work>),
    Interrupt(JobId, Interrupt),
    /// Finish what a `def` task returned.
    Await(Py<Job>, Py<PyAny>),
}

/// The half that the engine and other threads use.
#[derive(Debug)]
pub(crate) struct Port {
    inbox: Mutex<Vec<Item>>,
    armed: AtomicBool,
    /// When it was armed, and how long the loop took the last time: microseconds since `born`, and microseconds.
    armed_at: AtomicU64,
    lag: AtomicU64,
    born: Instant,
    wake: UnixStream,
    woken: UnixStream,
}

impl Port {
    fn new() -> std::io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        Ok(Self {
            inbox: Mutex::default(),
            armed: AtomicBool::new(false),
            armed_at: AtomicU64::new(0),
            lag: AtomicU64::new(0),
            born: Instant::now(),
            wake,
            woken,
        })
    }

    fn push(&self, item: Item) {
        lock(&self.inbox).push(item);
    }

    fn wake(&self) {
        if !self.armed.swap(true, Ordering::AcqRel) {
            self.armed_at.store(self.micros(), Ordering::Relaxed);
            // A full socket means that a wake is under way already.
            let _ = (&self.wake).write(&[1]);
        }
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// How long ago the wake was that is being answered, or has not been yet.
    fn waited(&self) -> u64 {
        self.micros().saturating_sub(self.armed_at.load(Ordering::Relaxed))
    }

    /// Has the loop finish `awaitable` for a `def` job.
    pub(crate) fn finish(&self, job: Py<Job>, awaitable: Py<PyAny>) {
        self.push(Item::Await(job, awaitable));
        self.wake();
    }

    pub(crate) fn interrupt_now(&self, job: JobId, how: Interrupt) {
        self.push(Item::Interrupt(job, how));
        self.wake();
    }
}

impl Runner for Port {
    fn start(&self, job: Work) {
        self.push(Item::Start(Box::new(job)));
    }

    fn flush(&self) {
        self.wake();
    }

    fn interrupt(&self, job: JobId, how: Interrupt) {
        self.interrupt_now(job, how);
    }

    /// Coroutines need nothing of their own.
    fn resize(&self, _slots: usize) {}

    fn probe(&self) {
        self.wake();
    }

    fn health(&self) -> Health {
        let last = self.lag.load(Ordering::Relaxed);
        let now = if self.armed.load(Ordering::Acquire) { self.waited() } else { 0 };
        let mut health = Health::default();
        health.lag = Some(Duration::from_micros(last.max(now)));
        health
    }
}

/// What belongs to the loop's thread, once it is open.
struct Open {
    event_loop: Py<PyAny>,
    entries: Vec<Py<PyAny>>,
    start: Py<PyAny>,
    finish: Py<PyAny>,
    expire_soft: Py<PyAny>,
    cancel: Py<PyAny>,
    flush: Py<PyAny>,
    drain: Py<PyAny>,
}

/// The half that the loop uses.
#[pyclass(frozen, module = "celery_oxide._engine")]
pub struct LoopPort {
    port: Arc<Port>,
    sink: Sink,
    open: std::sync::OnceLock<Open>,
    backlog: Mutex<VecDeque<Item>>,
    running: Running,
}

impl LoopPort {
    pub(crate) fn new(events: EventSender) -> std::io::Result<Self> {
        Ok(Self {
            port: Arc::new(Port::new()?),
            sink: Sink::gathering(events),
            open: std::sync::OnceLock::new(),
            backlog: Mutex::default(),
            running: Arc::default(),
        })
    }

    pub(crate) fn port(&self) -> Arc<Port> {
        Arc::clone(&self.port)
    }

    fn opened(&self) -> PyResult<&Open> {
        self.open.get().ok_or_else(|| PyRuntimeError::new_err("the loop port is not open"))
    }

    fn take(&self, py: Python<'_>, open: &Open, item: Item) -> PyResult<()> {
        match item {
            Item::Start(work) => {
                let entry = open.entries[work.task as usize].clone_ref(py);
                let flush = Some(open.flush.clone_ref(py));
                let running = Some(Arc::clone(&self.running));
                let job = Py::new(py, Job::new(*work, entry, self.sink.clone(), flush, running))?;
                let started = open.start.call1(py, (job.clone_ref(py),));
                job.get().lose_unless(py, started)?;
                self.keep(job);
            }
            Item::Await(job, awaitable) => {
                open.finish.call1(py, (job.clone_ref(py), awaitable))?;
                lock(&self.running).insert(job.get().id(), job);
            }
            Item::Interrupt(id, how) => {
                let job = lock(&self.running).get(&id).map(|job| job.clone_ref(py));
                let Some(job) = job else { return Ok(()) };
                match how {
                    Interrupt::Soft(_) => open.expire_soft.call1(py, (job,))?,
                    Interrupt::Abandon | Interrupt::Terminate => {
                        interrupter::abandon(&job.get().shared);
                        open.cancel.call1(py, (job,))?
                    }
                };
            }
        }
        Ok(())
    }

    /// Keeps a job that goes on, so that its asyncio task is not collected.
    fn keep(&self, job: Py<Job>) {
        if !job.get().has_ended() {
            lock(&self.running).insert(job.get().id(), job);
        }
    }
}

#[pymethods]
impl LoopPort {
    /// The descriptor that becomes readable when there is something to drain.
    fn fileno(&self) -> i32 {
        self.port.woken.as_raw_fd()
    }

    /// Opens the port on its loop: `start(job)` runs a task, `finish(job, awaitable)` what a function returned,
    /// `expire_soft(job)` and `cancel(job)` interrupt.
    fn open(
        slf: &Bound<'_, Self>,
        event_loop: Py<PyAny>,
        entries: Vec<Py<PyAny>>,
        start: Py<PyAny>,
        finish: Py<PyAny>,
        expire_soft: Py<PyAny>,
        cancel: Py<PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        let drain = slf.getattr("drain")?.unbind();
        let call_soon = event_loop.getattr(py, "call_soon")?;
        let partial = py.import("functools")?.getattr("partial")?;
        let flush = partial.call1((call_soon, slf.getattr("flush")?))?.unbind();
        let open = Open { event_loop, entries, start, finish, expire_soft, cancel, flush, drain };
        slf.get().open.set(open).map_err(|_| PyRuntimeError::new_err("the loop port is open already"))
    }

    /// Takes what the engine has put in, up to a bound; the rest follows in the loop's next turn.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let open = self.opened()?;
        let mut bytes = [0; 64];
        while matches!((&self.port.woken).read(&mut bytes), Ok(64)) {}
        self.port.lag.store(self.port.waited(), Ordering::Relaxed);
        self.port.armed.store(false, Ordering::Release);
        let mut taken = std::mem::take(&mut *lock(&self.port.inbox));
        lock(&self.backlog).extend(taken.drain(..));

        self.sink.expect_flush();
        let begun = Instant::now();
        for _ in 0..BURST {
            let Some(item) = lock(&self.backlog).pop_front() else { break };
            if let Err(error) = self.take(py, open, item) {
                error.write_unraisable(py, None);
            }
            if begun.elapsed() > SLICE {
                break;
            }
        }
        self.sink.flush();
        if !lock(&self.backlog).is_empty() {
            open.event_loop.call_method1(py, "call_soon", (&open.drain,))?;
        }
        Ok(())
    }

    /// Sends the events that tasks left since the last flush.
    fn flush(&self) {
        self.sink.flush();
    }

    /// Lets go of a `def` job whose awaitable is finished.
    fn forget(&self, job: &Job) {
        let kept = lock(&self.running).remove(&job.id());
        drop(kept);
    }

    /// How many jobs run on the loop.
    fn running(&self) -> usize {
        lock(&self.running).len()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
