//! A task, as it is registered.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use celery_executor::{Kind, Limits};
use celery_protocol::to_value;
use celery_scheduler::RateLimit;
use celery_worker::TaskSpec;
use serde::Serialize;
use tower_layer::Layer;
use tower_service::Service;

use crate::handler::at_once;
use crate::parameters::Parameters;
use crate::service::TaskService;
use crate::task_request::Named;
use crate::{BlockingHandler, Handler, IntoTaskError, TaskRequest, TaskResponse};

/// A task, as it is registered: a handler under a name, with its options. `S` is the state that its handler asks for.
///
/// ```
/// use std::time::Duration;
///
/// use celery_native::{Args, TaskError, Tasks, task};
///
/// async fn resize(Args((width, height)): Args<(u32, u32)>) -> Result<u32, TaskError> {
///     Ok(width * height)
/// }
///
/// let resize = task("proj.resize", resize)
///     .parameters(["width", "height"])
///     .default("height", 100)
///     .max_retries(5)
///     .soft_time_limit(Duration::from_secs(30));
/// let tasks: Tasks = Tasks::new().add(resize);
/// ```
#[must_use = "a task does nothing until it is added to `Tasks`"]
pub struct Definition<S = ()> {
    name: Arc<str>,
    function: String,
    kind: Kind,
    parameters: Parameters,
    settings: Settings,
    invalid: Option<String>,
    make: Box<dyn FnOnce(S) -> TaskService + Send>,
}

/// The options of a task.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) max_retries: Option<u32>,
    pub(crate) default_retry_delay: Duration,
    pub(crate) queue: Option<String>,
    limits: Limits,
    rate_limit: Option<RateLimit>,
    acks_late: bool,
    acks_on_failure_or_timeout: bool,
    ignore_result: bool,
    store_errors_even_if_ignored: bool,
    track_started: bool,
    send_events: bool,
}

impl Default for Settings {
    /// `celery/app/task.py: Task`
    fn default() -> Self {
        Self {
            max_retries: Some(3),
            default_retry_delay: Duration::from_secs(180),
            queue: None,
            limits: Limits::default(),
            rate_limit: None,
            acks_late: false,
            acks_on_failure_or_timeout: true,
            ignore_result: false,
            store_errors_even_if_ignored: false,
            track_started: false,
            send_events: true,
        }
    }
}

/// A task that an `async fn` carries out, on one of the worker's loops.
pub fn task<M, S>(name: impl Into<Arc<str>>, handler: impl Handler<M, S>) -> Definition<S>
where
    S: Clone + Send + Sync + 'static,
{
    let (name, parameters) = (name.into(), parameters_of(&handler));
    let function = function(&handler, &name);
    let make = move |state: S| TaskService::new(move |task| handler.call(task, &state));
    Definition::new(name, function, Kind::Async, parameters, Box::new(make))
}

fn parameters_of<M, S, H: Handler<M, S>>(_: &H) -> Parameters {
    H::parameters()
}

/// A task that a function carries out which blocks or computes, on a thread of its own.
///
/// ```
/// use celery_native::{Args, TaskError, Tasks, blocking};
///
/// fn count(Args((text,)): Args<(String,)>) -> Result<usize, TaskError> {
///     Ok(text.split_whitespace().count())
/// }
/// # let _: Tasks = Tasks::new().add(blocking("proj.count", count));
/// ```
pub fn blocking<M, S>(name: impl Into<Arc<str>>, handler: impl BlockingHandler<M, S>) -> Definition<S>
where
    S: Clone + Send + Sync + 'static,
{
    let (name, parameters) = (name.into(), blocking_parameters_of(&handler));
    let function = function(&handler, &name);
    let make = move |state: S| {
        TaskService::new(move |task| {
            // Called when it is first polled, so that layers are around it, on the thread of the task.
            let (handler, state) = (handler.clone(), state.clone());
            Box::pin(async move { at_once(handler.call(task, &state)).await })
        })
    };
    Definition::new(name, function, Kind::Sync, parameters, Box::new(make))
}

fn blocking_parameters_of<M, S, H: BlockingHandler<M, S>>(_: &H) -> Parameters {
    H::parameters()
}

/// What errors call the function: its own name, or for a closure the last part of the task's.
fn function<H>(_: &H, task: &str) -> String {
    let path = std::any::type_name::<H>();
    let name = path.rsplit("::").next().unwrap_or(path);
    let plain = name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    if plain { name.to_owned() } else { task.rsplit('.').next().unwrap_or(task).to_owned() }
}

impl<S: 'static> Definition<S> {
    fn new(
        name: Arc<str>,
        function: String,
        kind: Kind,
        parameters: Parameters,
        make: Box<dyn FnOnce(S) -> TaskService + Send>,
    ) -> Self {
        Self { name, function, kind, parameters, settings: Settings::default(), invalid: None, make }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names the positional parameters, from the first on: they may be given by name then, and errors call them so.
    pub fn parameters(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.parameters.name(names.into_iter().map(Into::into).collect());
        self
    }

    /// What a named parameter is when a call does not give it.
    pub fn default(mut self, name: &str, value: impl Serialize) -> Self {
        match to_value(&value) {
            Ok(value) => self.parameters.set_default(name, value),
            Err(error) => self.invalid = Some(format!("the default of {name:?}: {error}")),
        }
        self
    }

    /// Puts a layer around the task.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<TaskService> + Send + 'static,
        L::Service: Service<TaskRequest, Response = TaskResponse> + Clone + Send + Sync + 'static,
        <L::Service as Service<TaskRequest>>::Error: IntoTaskError,
        <L::Service as Service<TaskRequest>>::Future: Send,
    {
        let make = self.make;
        self.make = Box::new(move |state| TaskService::around(layer.layer(make(state))));
        self
    }

    /// How often it may be retried (`max_retries`): 3 times.
    pub fn max_retries(mut self, most: u32) -> Self {
        self.settings.max_retries = Some(most);
        self
    }

    /// It may be retried without end (`max_retries=None`).
    pub fn retried_without_end(mut self) -> Self {
        self.settings.max_retries = None;
        self
    }

    /// When it is run again after a retry that does not say (`default_retry_delay`): 3 minutes.
    pub fn default_retry_delay(mut self, delay: Duration) -> Self {
        self.settings.default_retry_delay = delay;
        self
    }

    /// After how long it is asked to end, unless the message says (`soft_time_limit`): see
    /// [`Request::cancellation`](crate::Request::cancellation).
    pub fn soft_time_limit(mut self, limit: Duration) -> Self {
        self.settings.limits.soft = Some(limit);
        self
    }

    /// After how long it is given up, unless the message says (`time_limit`).
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.settings.limits.hard = Some(limit);
        self
    }

    /// How many of it one worker starts: `"10/s"`, `"100/m"` (`rate_limit`).
    pub fn rate_limit(mut self, limit: &str) -> Self {
        match RateLimit::parse(limit) {
            Ok(limit) => self.settings.rate_limit = limit,
            Err(error) => self.invalid = Some(error.to_string()),
        }
        self
    }

    /// Its message is acknowledged when it has ended, so that it runs again when the worker is lost (`acks_late`).
    pub fn acks_late(mut self) -> Self {
        self.settings.acks_late = true;
        self
    }

    /// With [`acks_late`](Self::acks_late): a message whose task failed is rejected, and one that timed out goes back to
    /// its queue (`acks_on_failure_or_timeout=False`).
    pub fn keeps_on_failure(mut self) -> Self {
        self.settings.acks_on_failure_or_timeout = false;
        self
    }

    /// Its results are not stored (`ignore_result`).
    pub fn ignore_result(mut self) -> Self {
        self.settings.ignore_result = true;
        self
    }

    /// Its failures are stored in any case (`store_errors_even_if_ignored`).
    pub fn store_errors_even_if_ignored(mut self) -> Self {
        self.settings.store_errors_even_if_ignored = true;
        self
    }

    /// It is stored that it has started (`track_started`).
    pub fn track_started(mut self) -> Self {
        self.settings.track_started = true;
        self
    }

    /// Monitors are told nothing of it (`send_events=False`).
    pub fn without_events(mut self) -> Self {
        self.settings.send_events = false;
        self
    }

    /// Where tasks of this worker send it (`queue`): the first queue of the worker.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.settings.queue = Some(queue.into());
        self
    }

    /// The same with its state given.
    pub(crate) fn with_state<S2>(self, state: S) -> Definition<S2>
    where
        S: Send,
    {
        let make = self.make;
        Definition {
            name: self.name,
            function: self.function,
            kind: self.kind,
            parameters: self.parameters,
            settings: self.settings,
            invalid: self.invalid,
            make: Box::new(move |_| make(state)),
        }
    }
}

/// A task that can be run.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) signature: Arc<Named>,
    pub(crate) settings: Settings,
    pub(crate) service: TaskService,
}

impl Definition<()> {
    /// The task, ready to be run; or what is wrong with it.
    pub(crate) fn finish(self) -> Result<Entry, crate::Error> {
        if let Some(reason) = self.invalid.or_else(|| self.parameters.invalid()) {
            return Err(crate::Error::Task { task: self.name.to_string(), reason });
        }
        let signature = Arc::new(Named { function: self.function, parameters: self.parameters });
        let service = (self.make)(());
        Ok(Entry { name: self.name, kind: self.kind, signature, settings: self.settings, service })
    }
}

impl Entry {
    /// The task as the engine knows it. `limits` are those of tasks that have none.
    pub(crate) fn spec(&self, limits: Limits) -> TaskSpec {
        let settings = &self.settings;
        let mut spec = TaskSpec::new(Arc::clone(&self.name), self.kind);
        spec.acks_late = settings.acks_late;
        spec.acks_on_failure = settings.acks_on_failure_or_timeout;
        spec.acks_on_timeout = settings.acks_on_failure_or_timeout;
        spec.ignore_result = settings.ignore_result;
        spec.message_decides = true;
        spec.store_errors_even_if_ignored = settings.store_errors_even_if_ignored;
        spec.track_started = settings.track_started;
        spec.limits =
            Limits { soft: settings.limits.soft.or(limits.soft), hard: settings.limits.hard.or(limits.hard) };
        spec.rate_limit = settings.rate_limit;
        spec.send_events = settings.send_events;
        spec.follows = true;
        spec
    }
}

impl<S> fmt::Debug for Definition<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition")
            .field("name", &self.name)
            .field("function", &self.function)
            .field("kind", &self.kind)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
