//! What a task knows of the call that it carries out: `self.request` in Python.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use celery_client::Sendable;
use celery_executor::{Interrupt, JobId, Kind, Limits};
use celery_protocol::canvas::Options;
use celery_protocol::result::ResultTree;
use celery_protocol::{DeliveryInfo, Message, TaskHeaders, Value, from_value};
use celery_worker::{Parent, SendError, Sender};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::arguments::Arguments;
use crate::cancellation::{Cancellation, Cancelled};
use crate::embed::Embed;
use crate::run::block_on;
use crate::{Exception, TaskError, TaskRequest, TaskTable};

/// The call that a task carries out. Cheap to clone.
///
/// ```
/// use celery_native::{Request, TaskError};
///
/// async fn whoami(request: Request) -> Result<String, TaskError> {
///     Ok(format!("{} for the {}. time", request.id(), request.retries() + 1))
/// }
/// ```
#[derive(Clone)]
pub struct Request(Arc<Inner>);

struct Inner {
    job: JobId,
    task: Arc<str>,
    message: Arc<Message>,
    headers: OnceLock<TaskHeaders>,
    limits: Limits,
    started: Instant,
    cancellation: Cancellation,
    sender: Option<Arc<Sender>>,
    /// The tasks of the worker.
    table: Arc<TaskTable>,
    children: Mutex<Vec<ResultTree>>,
}

impl Request {
    pub(crate) fn new(
        job: JobId,
        task: Arc<str>,
        message: Arc<Message>,
        limits: Limits,
        sender: Option<Arc<Sender>>,
        table: Arc<TaskTable>,
    ) -> Self {
        Self(Arc::new(Inner {
            job,
            task,
            message,
            headers: OnceLock::new(),
            limits,
            started: Instant::now(),
            cancellation: Cancellation::default(),
            sender,
            table,
            children: Mutex::default(),
        }))
    }

    /// The registered name of the task.
    pub fn task(&self) -> &str {
        &self.0.task
    }

    /// The id of the task.
    pub fn id(&self) -> &str {
        &self.headers().id
    }

    /// The id of the first task of the workflow.
    pub fn root_id(&self) -> &str {
        Parent::new(self.headers(), None).root()
    }

    /// The id of the task that sent this one.
    pub fn parent_id(&self) -> Option<&str> {
        self.headers().parent_id.as_deref()
    }

    /// How often it was retried.
    pub fn retries(&self) -> u32 {
        self.headers().retries
    }

    /// All headers of the message.
    pub fn headers(&self) -> &TaskHeaders {
        // The engine has read them before, so they can be read.
        self.0.headers.get_or_init(|| TaskHeaders::decode(self.0.message.headers.get()).unwrap_or_default())
    }

    /// A header of the sender's own; `None` when it is not there or not of this type.
    pub fn header<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let (_, value) = self.headers().rest.iter().find(|(key, _)| key == name)?;
        from_value(Value::from_json(value.get()).ok()?).ok()
    }

    /// How the message was routed.
    pub fn delivery_info(&self) -> &DeliveryInfo {
        &self.0.message.properties.delivery_info
    }

    /// The priority of the message.
    pub fn priority(&self) -> Option<u8> {
        self.0.message.properties.priority
    }

    /// The message itself.
    pub fn message(&self) -> &Arc<Message> {
        &self.0.message
    }

    /// When its hard time limit passes.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.started.checked_add(self.0.limits.hard?)
    }

    /// When its soft time limit passes.
    pub fn soft_deadline(&self) -> Option<Instant> {
        self.0.started.checked_add(self.0.limits.soft?)
    }

    /// Its time limits.
    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// How long it has run.
    pub fn runtime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// Why it is to end, if it is.
    pub fn cancelled(&self) -> Option<Cancelled> {
        self.0.cancellation.reason()
    }

    /// Fires when the task is to end: at its soft time limit, or when nobody listens to it any more.
    pub fn cancellation(&self) -> &CancellationToken {
        self.0.cancellation.token()
    }

    /// Awaits `work` until the task is to end: then `work` is dropped, and the task fails with `SoftTimeLimitExceeded`.
    ///
    /// # Errors
    ///
    /// `SoftTimeLimitExceeded`, as a [`TaskError`].
    ///
    /// ```
    /// use celery_native::{Request, TaskError};
    ///
    /// async fn crawl(request: Request) -> Result<(), TaskError> {
    ///     let pages = async { 3 };
    ///     request.within_limit(pages).await?;
    ///     Ok(())
    /// }
    /// ```
    pub async fn within_limit<T>(&self, work: impl Future<Output = T>) -> Result<T, TaskError> {
        tokio::select! {
            done = work => Ok(done),
            () = self.cancellation().cancelled() => Err(Exception::soft_time_limit_exceeded().into()),
        }
    }

    /// For blocking tasks, to be called now and then.
    ///
    /// # Errors
    ///
    /// `SoftTimeLimitExceeded` once the task is to end.
    pub fn check_limit(&self) -> Result<(), TaskError> {
        match self.cancelled() {
            Some(_) => Err(Exception::soft_time_limit_exceeded().into()),
            None => Ok(()),
        }
    }

    /// Sends a task, a chain, a group or a chord from this task: it is a child of it, and the result of this task is
    /// stored once the broker has it.
    ///
    /// # Errors
    ///
    /// [`SendError`] for a call that cannot be written, and when too much waits for the broker.
    pub async fn send(&self, call: impl Sendable) -> Result<ResultTree, SendError> {
        let signature = call.into_signature();
        let nobody = || SendError::Call {
            task: signature.task().to_owned(),
            reason: String::from("the task does not run in a worker"),
        };
        let sender = self.0.sender.as_ref().ok_or_else(nobody)?;
        let parent = Parent::new(self.headers(), self.priority());
        let sent = sender.send(Some(self.0.job), parent, &signature, &[], Options::default()).await?;
        let nothing = || SendError::Call {
            task: signature.task().to_owned(),
            reason: String::from("there is nothing in it"),
        };
        self.children().extend(sent.children);
        sent.result.ok_or_else(nothing)
    }

    /// Adds a task, a chain, a group or a chord to the chord that this task is a part of: the body waits for it too
    /// (`celery/app/task.py: Task.add_to_chord`).
    ///
    /// # Errors
    ///
    /// A `ValueError` when the task is no part of a chord, and what [`send`](Self::send) gives.
    pub async fn add_to_chord(&self, call: impl Sendable) -> Result<ResultTree, TaskError> {
        let headers = self.headers();
        let chord = Embed::of(self)?.signatures("chord")?.pop();
        let (Some(group), Some(chord)) = (&headers.group, chord) else {
            let text = "Current task is not member of any chord";
            return Err(Exception::new("builtins", "ValueError", text).into());
        };
        let mut signature = call.into_signature();
        let options = signature.options_mut();
        options.set("group_id", &**group);
        if let Some(index) = headers.group_index {
            options.set("group_index", Value::from(index));
        }
        options.set("chord", chord);
        options.set("root_id", self.root_id());
        let nobody = || TaskError::msg("the task does not run in a worker");
        self.0.sender.as_ref().ok_or_else(nobody)?.add_to_chord(group).await?;
        Ok(self.send(signature).await?)
    }

    /// Has the task told that it is to end: for [runners](celery_executor::Runner), when its job is interrupted.
    pub fn interrupt(&self, how: Interrupt) {
        self.0.cancellation.fire(match how {
            Interrupt::Soft(_) => Cancelled::SoftLimit,
            Interrupt::Abandon | Interrupt::Terminate => Cancelled::Abandoned,
        });
    }

    /// Calls another task of this worker as a part of this one, as a function (`task(*args)` in Python).
    pub(crate) async fn call_here(&self, name: &str, args: Vec<Value>) -> Result<Value, TaskError> {
        let unknown = || Exception::new("celery.exceptions", "NotRegistered", name);
        let entry = self.0.table.entry(name).ok_or_else(unknown)?;
        let arguments = Arguments::Values(args, Vec::new());
        let running =
            entry.service.run(TaskRequest::new(self.clone(), arguments, Arc::clone(&entry.signature)));
        let response = match entry.kind {
            Kind::Async => running.await?,
            Kind::Sync => tokio::task::spawn_blocking(move || block_on(running)).await??,
        };
        Ok(response.into_value())
    }

    pub(crate) fn job(&self) -> JobId {
        self.0.job
    }

    pub(crate) fn sender(&self) -> Option<&Arc<Sender>> {
        self.0.sender.as_ref()
    }

    pub(crate) fn add_child(&self, id: &str) {
        self.children().push(ResultTree::task(id));
    }

    /// The children as JSON; `None` for none.
    pub(crate) fn children_text(&self) -> Option<String> {
        let children = self.children();
        (!children.is_empty()).then(|| ResultTree::encode_list(&children))
    }

    fn children(&self) -> std::sync::MutexGuard<'_, Vec<ResultTree>> {
        self.0.children.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("task", &self.0.task).field("id", &self.id()).finish_non_exhaustive()
    }
}
