//! What the worker asks of Python outside of tasks: control commands, and tasks that ended without having run to their end.
//!
//! Protocol. The engine's side puts a call into the queue of its lane under a mutex, signals a condition variable and
//! awaits the answer on a channel of its own. Each lane has one Python thread, which waits detached, attaches to carry
//! the call out, and answers by its number. What is not answered when the port is closed is answered with nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use celery_executor::{EventSender, Failure, Job as Work, JobId, events};
use celery_protocol::Message;
use celery_worker::{Conclusion, Ending, Host, How};
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::job::Job;
use crate::sink::Sink;

/// Which thread carries a call out.
#[derive(Debug, Clone, Copy)]
enum Lane {
    /// Control commands, one after the other, as upstream's consumer carries them out.
    Commands = 0,
    /// Tasks that ended: what is around them may block on a server.
    Endings = 1,
    /// Loops that do not answer.
    Blocked = 2,
}

#[derive(Debug)]
enum Call {
    Command { method: String, arguments: String },
    Conclude(Ending),
    Blocked(usize, Duration),
}

/// `Ok(None)`: there is no such command.
type Answer = Result<Option<String>, String>;

#[derive(Debug, Default)]
struct Queue {
    calls: Mutex<VecDeque<(u64, Call)>>,
    available: Condvar,
}

/// The half that the engine uses.
#[derive(Debug)]
pub(crate) struct Port {
    lanes: [Queue; 3],
    next: AtomicU64,
    answers: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    closed: AtomicBool,
    /// The commands that the app defines.
    commands: Vec<String>,
}

impl Port {
    async fn call(&self, lane: Lane, call: Call) -> Answer {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        lock(&self.answers).insert(number, sender);
        if self.closed.load(Ordering::Acquire) {
            return Ok(None);
        }
        let queue = &self.lanes[lane as usize];
        lock(&queue.calls).push_back((number, call));
        queue.available.notify_one();
        answer.await.unwrap_or(Ok(None))
    }

    fn next(&self, lane: usize) -> Option<(u64, Call)> {
        let queue = self.lanes.get(lane)?;
        let mut calls = lock(&queue.calls);
        loop {
            if let Some(call) = calls.pop_front() {
                return Some(call);
            }
            if self.closed.load(Ordering::Acquire) {
                return None;
            }
            calls = queue.available.wait(calls).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[async_trait]
impl Host for Port {
    fn commands(&self) -> Vec<String> {
        self.commands.clone()
    }

    async fn command(&self, method: &str, arguments: &str) -> Option<Result<String, String>> {
        let call = Call::Command { method: method.to_owned(), arguments: arguments.to_owned() };
        self.call(Lane::Commands, call).await.transpose()
    }

    fn blocked(&self, index: usize, lag: Duration) {
        let queue = &self.lanes[Lane::Blocked as usize];
        lock(&queue.calls).push_back((0, Call::Blocked(index, lag)));
        queue.available.notify_one();
    }

    async fn conclude(&self, ending: Ending) -> Conclusion {
        let followed = matches!(ending.how, How::Succeeded(_));
        match self.call(Lane::Endings, Call::Conclude(ending)).await {
            Ok(Some(children)) if followed => Conclusion::Sent(children),
            Ok(Some(_)) => Conclusion::Done,
            Ok(None) => Conclusion::NotDone,
            Err(failure) => failure_of(&failure).map_or(Conclusion::NotDone, Conclusion::Failed),
        }
    }
}

/// The half that Python's threads use.
#[pyclass(frozen, module = "celery_oxide._engine")]
pub struct HostPort {
    port: Arc<Port>,
    /// The jobs that stand for ended tasks tell nobody anything.
    nobody: EventSender,
}

impl HostPort {
    pub(crate) fn new(commands: Vec<String>) -> Self {
        let port = Port {
            lanes: Default::default(),
            next: AtomicU64::new(0),
            answers: Mutex::default(),
            closed: AtomicBool::new(false),
            commands,
        };
        Self { port: Arc::new(port), nobody: events().0 }
    }

    pub(crate) fn port(&self) -> Arc<Port> {
        Arc::clone(&self.port)
    }
}

#[pymethods]
impl HostPort {
    /// Waits for a call of a lane and gives `(number, method, arguments as JSON)` for a command, `(number, ending)` for a
    /// task that ended, `(number, index, seconds)` for a loop that is blocked; `None` once the port is closed.
    fn next(&self, py: Python<'_>, lane: usize) -> PyResult<Option<Py<PyAny>>> {
        let Some((number, call)) = py.detach(|| self.port.next(lane)) else { return Ok(None) };
        let given = match call {
            Call::Command { method, arguments } => (number, method, arguments).into_pyobject(py)?.into_any(),
            Call::Conclude(ending) => {
                let sink = Sink::direct(self.nobody.clone());
                (number, Ended { ending, sink }).into_pyobject(py)?.into_any()
            }
            Call::Blocked(index, lag) => (number, index, lag.as_secs_f64()).into_pyobject(py)?.into_any(),
        };
        Ok(Some(given.unbind()))
    }

    /// Answers a call: with text, with `None` for nothing, or with an `error`.
    #[pyo3(signature = (number, text = None, error = None))]
    fn answer(&self, number: u64, text: Option<String>, error: Option<String>) {
        if let Some(answer) = lock(&self.port.answers).remove(&number) {
            // The engine may have stopped waiting.
            let _ = answer.send(error.map_or(Ok(text), Err));
        }
    }

    /// Lets the threads end, and answers what nobody will.
    fn close(&self) {
        self.port.closed.store(true, Ordering::Release);
        for queue in &self.port.lanes {
            lock(&queue.calls).clear();
            queue.available.notify_all();
        }
        lock(&self.port.answers).clear();
    }
}

/// A task that ended, and of which Python has something to do.
#[pyclass(frozen, module = "celery_oxide._engine")]
pub struct Ended {
    ending: Ending,
    sink: Sink,
}

#[pymethods]
impl Ended {
    /// The name of the task.
    #[getter]
    fn task(&self) -> &str {
        &self.ending.task
    }

    /// The id of the task.
    #[getter]
    fn id(&self) -> &str {
        &self.ending.id
    }

    /// Whether the state is to be stored.
    #[getter]
    fn store(&self) -> bool {
        self.ending.store
    }

    /// `("timed out", seconds, None)`, `("revoked", reason, signal)`, `("succeeded", value, None)` and
    /// `("counted", value, None)` with JSON, `("refused", reason, None)`, `("body refused", reason, None)` or
    /// `("not registered", None, None)`.
    #[getter]
    fn how(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let how = match &self.ending.how {
            How::TimedOut(limit) => {
                ("timed out", limit.as_secs_f64(), None::<i32>).into_pyobject(py)?.into_any()
            }
            How::Revoked(reason, signal) => {
                ("revoked", reason.as_str(), *signal).into_pyobject(py)?.into_any()
            }
            How::Succeeded(value) => ("succeeded", text(value), None::<i32>).into_pyobject(py)?.into_any(),
            How::Refused(reason) => ("refused", reason, None::<i32>).into_pyobject(py)?.into_any(),
            How::BodyRefused(reason) => ("body refused", reason, None::<i32>).into_pyobject(py)?.into_any(),
            How::Counted(value) => ("counted", text(value), None::<i32>).into_pyobject(py)?.into_any(),
            _ => ("not registered", None::<i32>, None::<i32>).into_pyobject(py)?.into_any(),
        };
        Ok(how.unbind())
    }

    /// The task as a job that is not run: for its request, and for what is published in its name. `entry` is what the
    /// worker knows of the task.
    fn job(&self, entry: Py<PyAny>) -> Job {
        let message: Arc<Message> = Arc::clone(&self.ending.message);
        let id = self.ending.job.unwrap_or(JobId(0));
        Job::new(Work::new(id, 0, message), entry, self.sink.clone(), None, None)
    }
}

fn text(value: &[u8]) -> &str {
    std::str::from_utf8(value).unwrap_or("null")
}

/// A failure as `celery_oxide._host` describes it.
fn failure_of(text: &str) -> Option<Box<Failure>> {
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    let field = |name: &str| fields.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    Some(Box::new(Failure {
        exc_type: field("exc_type"),
        exc_module: field("exc_module"),
        exc_message: field("exc_message"),
        traceback: field("traceback"),
        repr: field("repr"),
        stored: true,
        ..Failure::default()
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
