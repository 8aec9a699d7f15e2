//! A job as Python sees it.
//!
//! A job is also the frame of the request stack (`celery_oxide._request`): `task`, `parent` and a `context` that is
//! built only when somebody asks for it.
//!
//! Per task that asks for nothing: one `Job` object, its arguments, one context variable set, one event.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use celery_executor::{Event, Failure, Job as Work, JobId, Outcome, Success};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::decode_body::{Call, decode_body, shown};
use crate::outcome::{children, dumps, dumps_lasting, told_again};
use crate::sink::Sink;

/// What threads other than the job's own may touch: plain data, no Python object.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Where the body is, for injecting an exception: see `interrupter`.
    pub(crate) body: Mutex<Place>,
    /// Nobody listens to the job any more.
    pub(crate) abandoned: AtomicBool,
}

/// Where the body of a `def` task runs.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nowhere: not yet, or no longer.
    #[default]
    Nowhere,
    /// On the thread with this identifier (`threading.get_ident`); whether an exception was injected into it.
    Thread {
        /// The thread.
        ident: std::ffi::c_ulong,
        /// Whether an exception is on its way to it.
        injected: bool,
    },
    /// On an event loop: it returned an awaitable.
    Loop,
}

/// The jobs that go on after the turn of the loop in which they started. They keep their asyncio tasks, which asyncio
/// itself holds weakly.
pub(crate) type Running = Arc<Mutex<HashMap<JobId, Py<Job>>>>;

/// One task to run, given to Python.
#[pyclass(frozen, module = "celery_oxide._engine")]
pub struct Job {
    pub(crate) work: Work,
    pub(crate) shared: Arc<Shared>,
    entry: Py<PyAny>,
    sink: Sink,
    flush: Option<Py<PyAny>>,
    /// The jobs of the loop that runs this one: it leaves them when it ends.
    running: Option<Running>,
    call: PyOnceLock<Call>,
    context: PyOnceLock<Py<PyAny>>,
    /// The asyncio task that runs it.
    asyncio_task: Mutex<Option<Py<PyAny>>>,
    /// The soft limit of a coroutine, as `celery_oxide._limits` wants it.
    limit: Mutex<Option<Py<PyAny>>>,
    started: OnceLock<Instant>,
    /// The outcome that was given to be stored, to be told again as the end.
    stored: Mutex<Option<Outcome>>,
    ended: AtomicBool,
}

impl Job {
    /// `flush` is called once when a gathering sink has something to send; `running` is what the job leaves when it
    /// ends.
    pub(crate) fn new(
        work: Work,
        entry: Py<PyAny>,
        sink: Sink,
        flush: Option<Py<PyAny>>,
        running: Option<Running>,
    ) -> Self {
        Self {
            work,
            shared: Arc::default(),
            entry,
            sink,
            flush,
            running,
            call: PyOnceLock::new(),
            context: PyOnceLock::new(),
            asyncio_task: Mutex::new(None),
            limit: Mutex::new(None),
            started: OnceLock::new(),
            stored: Mutex::new(None),
            ended: AtomicBool::new(false),
        }
    }

    /// The job with what other threads look at already made.
    pub(crate) fn sharing(self, shared: Arc<Shared>) -> Self {
        Self { shared, ..self }
    }

    pub(crate) fn id(&self) -> JobId {
        self.work.id
    }

    /// Ends the job as lost if what was to run it raised instead.
    pub(crate) fn lose_unless<T>(&self, py: Python<'_>, ran: PyResult<T>) -> PyResult<()> {
        let Err(error) = ran else { return Ok(()) };
        tracing::error!("A task could not be run: {error}");
        self.lose(py, error.to_string())
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn call(&self, py: Python<'_>) -> PyResult<&Call> {
        self.call.get_or_try_init(py, || decode_body(py, &self.work))
    }

    /// Tells the outcome: as the end, or as something to store while hooks still run.
    fn tell(&self, py: Python<'_>, outcome: Outcome, end: bool) -> PyResult<()> {
        let job = self.work.id;
        if end {
            return self.tell_end(py, outcome);
        }
        *lock(&self.stored) = Some(told_again(&outcome));
        self.send(py, Event::Store { job, outcome })
    }

    fn tell_end(&self, py: Python<'_>, outcome: Outcome) -> PyResult<()> {
        if self.ended.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let job = self.work.id;
        // Job -> asyncio task -> coroutine -> job is a cycle that the collector cannot see through: cut it here.
        drop(lock(&self.asyncio_task).take());
        drop(lock(&self.limit).take());
        if let Some(running) = &self.running {
            let kept = lock(running).remove(&job);
            drop(kept);
        }
        self.send(py, Event::Ended { job, outcome })
    }

    fn send(&self, py: Python<'_>, event: Event) -> PyResult<()> {
        if self.sink.send(event)
            && let Some(flush) = &self.flush
        {
            flush.call0(py)?;
        }
        Ok(())
    }

    fn success(&self, value: &Bound<'_, PyAny>, result: Bytes) -> PyResult<Success> {
        let py = value.py();
        let runtime = self.started.get().map(Instant::elapsed).unwrap_or_default();
        let repr = if self.work.wants_repr {
            let maxlen = self.entry.getattr(py, intern!(py, "resultrepr_maxsize"))?;
            shown(value, maxlen.bind(py))
        } else {
            None
        };
        Ok(Success { result, repr, children: self.children(py)?, runtime, ..Success::default() })
    }

    fn children(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.context.get(py).map_or(Ok(None), |context| children(context.bind(py)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymethods]
impl Job {
    /// What the worker knows of the task: an `Entry`.
    #[getter]
    fn entry(&self, py: Python<'_>) -> Py<PyAny> {
        self.entry.clone_ref(py)
    }

    /// The task, as the request stack wants it.
    #[getter]
    fn task(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.entry.getattr(py, intern!(py, "task"))
    }

    /// The frame below: none, a job is the first.
    #[getter]
    fn parent(&self, py: Python<'_>) -> Py<PyAny> {
        py.None()
    }

    /// `task.request`, built at the first look.
    #[getter]
    fn context(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let job = slf.get();
        if let Some(context) = job.context.get(py) {
            return Ok(context.clone_ref(py));
        }
        let build = py.import(intern!(py, "celery_oxide._context"))?.getattr(intern!(py, "build"))?;
        let context = build.call1((slf,))?.unbind();
        Ok(job.context.get_or_init(py, || context).clone_ref(py))
    }

    /// The job's number, which names it to the outbox.
    #[getter]
    fn number(&self) -> u64 {
        self.work.id.0
    }

    /// Decodes the body: positional and keyword arguments. An exception says that it cannot be decoded.
    fn load(&self, py: Python<'_>) -> PyResult<(Py<PyTuple>, Py<PyDict>)> {
        let call = self.call(py)?;
        Ok((call.args.clone_ref(py), call.kwargs.clone_ref(py)))
    }

    /// `callbacks`, `errbacks`, `chain` and `chord` of the message; `None` when it has none.
    #[getter]
    fn embed(&self, py: Python<'_>) -> PyResult<Option<Py<PyDict>>> {
        Ok(self.call(py)?.embed.as_ref().map(|embed| embed.clone_ref(py)))
    }

    /// The message headers as JSON text.
    #[getter]
    fn headers(&self) -> &str {
        self.work.message.headers.get()
    }

    /// The message properties as JSON text.
    #[getter]
    fn properties(&self) -> String {
        String::from_utf8(self.work.message.properties.encode()).unwrap_or_default()
    }

    /// Whether the message was delivered before.
    #[getter]
    fn redelivered(&self) -> bool {
        self.work.message.properties.delivery_info.redelivered.unwrap_or(false)
    }

    /// The soft time limit in seconds, or `None`.
    #[getter]
    fn soft_seconds(&self) -> Option<f64> {
        self.work.limits.soft.map(|soft| soft.as_secs_f64())
    }

    /// The soft limit of a coroutine that has one.
    #[getter]
    fn limit(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        lock(&self.limit).as_ref().map(|limit| limit.clone_ref(py))
    }

    /// Keeps the soft limit for whoever lets it expire.
    #[setter]
    fn set_limit(&self, limit: Option<Py<PyAny>>) {
        *lock(&self.limit) = limit;
    }

    /// Whether nobody listens to the job any more.
    #[getter]
    fn abandoned(&self) -> bool {
        self.shared.abandoned.load(Ordering::Acquire)
    }

    /// The asyncio task that runs the job.
    #[getter]
    fn asyncio_task(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        lock(&self.asyncio_task).as_ref().map(|task| task.clone_ref(py))
    }

    /// Keeps the asyncio task, which asyncio itself holds weakly.
    #[setter]
    fn set_asyncio_task(&self, task: Option<Py<PyAny>>) {
        *lock(&self.asyncio_task) = task;
    }

    /// The body starts now: time limits count from here.
    fn start(&self) {
        if self.started.set(Instant::now()).is_ok() && self.work.report_start {
            self.sink.send_now(Event::Started { job: self.work.id, at: Instant::now() });
        }
    }

    /// Seconds since the body started.
    fn runtime(&self) -> f64 {
        self.started.get().map_or(0.0, |started| started.elapsed().as_secs_f64())
    }

    /// Calls the body of a `def` task on this thread. An exception can be injected only while the body runs: see
    /// `interrupter`.
    fn run_body(
        &self,
        py: Python<'_>,
        function: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        kwargs: &Bound<'_, PyDict>,
    ) -> PyResult<Py<PyAny>> {
        crate::interrupter::guarded(py, &self.shared, || function.call(args, Some(kwargs))).map(Bound::unbind)
    }

    /// The task returned `value`. With `end` unset, hooks still run; [`end`](Self::end) is called when they are done.
    /// Raises when the value cannot be encoded.
    #[pyo3(signature = (value, end = true, stored = false))]
    fn succeed(&self, value: &Bound<'_, PyAny>, end: bool, stored: bool) -> PyResult<()> {
        // Upstream encodes only what it stores, so a value that cannot be encoded is no failure when nobody wants it.
        let encodes = self.work.wants_result && !stored;
        let result = if encodes { dumps(value)? } else { Bytes::new() };
        let success = Success { stored, ..self.success(value, result)? };
        self.tell(value.py(), Outcome::Succeeded(success), end)
    }

    /// Whether the engine can send what follows the task, if its value is plain.
    #[getter]
    fn follows(&self) -> bool {
        self.work.follows
    }

    /// The task returned `value`, and the engine sends what follows it. Gives false, and tells nothing, when that is
    /// Python's to do: the value is not what its JSON reads back as.
    fn follow(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Some(result) = dumps_lasting(value) else { return Ok(false) };
        let success = Success { follow: true, ..self.success(value, result)? };
        self.tell_end(value.py(), Outcome::Succeeded(success))?;
        Ok(true)
    }

    /// The task had succeeded before, and was not run: there is nothing to store or to show.
    fn succeed_before(&self, py: Python<'_>) -> PyResult<()> {
        self.tell(py, Outcome::Succeeded(Success { stored: true, ..Success::default() }), true)
    }

    /// The task raised.
    #[expect(clippy::too_many_arguments, reason = "one flat call from Python, by keyword")]
    #[pyo3(signature = (*, exc_type, exc_module, exc_message, traceback, repr, expected = false, stored = false, end = true))]
    fn fail(
        &self,
        py: Python<'_>,
        exc_type: String,
        exc_module: String,
        exc_message: String,
        traceback: String,
        repr: String,
        expected: bool,
        stored: bool,
        end: bool,
    ) -> PyResult<()> {
        let children = self.children(py)?;
        let failure = Failure {
            exc_type,
            exc_module,
            exc_message,
            traceback,
            repr,
            children,
            expected,
            stored,
            follow: false,
        };
        self.tell(py, Outcome::Failed(failure), end)
    }

    /// The task asked to be run again. `cause` is `(exc_type, exc_module, exc_message, repr)`.
    #[pyo3(signature = (*, cause, reason, traceback, stored = false, end = true))]
    fn retry(
        &self,
        py: Python<'_>,
        cause: Option<(String, String, String, String)>,
        reason: String,
        traceback: String,
        stored: bool,
        end: bool,
    ) -> PyResult<()> {
        let cause = cause.map(|(exc_type, exc_module, exc_message, repr)| Failure {
            exc_type,
            exc_module,
            exc_message,
            repr,
            ..Failure::default()
        });
        let children = self.children(py)?;
        self.tell(py, Outcome::Retried { cause, reason, traceback, children, stored }, end)
    }

    /// Ends a job whose outcome was told with `end` unset: its hooks are done.
    fn end(&self, py: Python<'_>) -> PyResult<()> {
        let stored = lock(&self.stored).take();
        match stored {
            Some(outcome) => self.tell_end(py, outcome),
            None if self.has_ended() => Ok(()),
            None => self.lose(py, String::from("the task ended without an outcome")),
        }
    }

    /// Ends a job whose outcome could not be told: something of the worker's own went wrong around it.
    fn lose(&self, py: Python<'_>, reason: String) -> PyResult<()> {
        let failure = Failure {
            exc_type: String::from("WorkerLostError"),
            exc_module: String::from("billiard.exceptions"),
            exc_message: serde_json::json!([reason]).to_string(),
            repr: format!("WorkerLostError({reason:?})"),
            ..Failure::default()
        };
        self.tell_end(py, Outcome::Failed(failure))
    }

    /// Whether the outcome was told.
    #[getter]
    fn ended(&self) -> bool {
        self.has_ended()
    }

    /// The task raised `Ignore`.
    #[pyo3(signature = (*, end = true))]
    fn ignore(&self, py: Python<'_>, end: bool) -> PyResult<()> {
        self.tell(py, Outcome::Ignored, end)
    }

    /// The task raised `Reject`.
    #[pyo3(signature = (*, requeue, reason, traceback, end = true))]
    fn reject(
        &self,
        py: Python<'_>,
        requeue: bool,
        reason: String,
        traceback: String,
        end: bool,
    ) -> PyResult<()> {
        self.tell(py, Outcome::Rejected { requeue, reason, traceback, stored: true }, end)
    }

    /// The message body as bytes, for diagnostics.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.work.message.body)
    }
}
