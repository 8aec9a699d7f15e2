//! From jobs to outcomes: what runners run.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use celery_executor::{Failure, Job, Outcome, Success};
use celery_worker::Sender;
use futures_util::future::{BoxFuture, FutureExt};

use crate::arguments::Arguments;
use crate::definition::Entry;
use crate::task_error::Kind;
use crate::{Exception, Hooks, Request, TaskError, TaskRequest, TaskResponse, replacing, retrying};

/// The most characters of a return value that a log line shows (`celery/app/task.py: Task.resultrepr_maxsize`).
const REPR_MAX: usize = 1024;

/// The tasks of a worker as [runners](celery_executor::Runner) run them: it makes a future of a job.
#[derive(Debug)]
pub struct TaskTable {
    entries: Vec<Entry>,
    hooks: Hooks,
    /// Set when the worker is put together, before the first job.
    sender: OnceLock<Arc<Sender>>,
}

/// A job that can be run: poll [`outcome`](Self::outcome) where tasks are to run.
pub struct Prepared {
    /// What the task knows of its call.
    pub request: Request,
    /// The task. It begins when it is first polled, never panics, and does not block unless the task does.
    pub outcome: BoxFuture<'static, Outcome>,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("request", &self.request).finish_non_exhaustive()
    }
}

impl TaskTable {
    pub(crate) fn new(entries: Vec<Entry>, hooks: Hooks) -> Self {
        Self { entries, hooks, sender: OnceLock::new() }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.name == name)
    }

    pub(crate) fn connect(&self, sender: Arc<Sender>) {
        // There is one worker for each table.
        let _ = self.sender.set(sender);
    }

    /// Makes a future of a job. The runner reports [`Started`](celery_executor::Event::Started) before it polls it, if the
    /// job asks for that, and [`Ended`](celery_executor::Event::Ended) with its outcome.
    pub fn prepare(self: &Arc<Self>, job: Job) -> Prepared {
        let entry = self.entries.get(job.task as usize);
        let name = entry.map_or_else(|| Arc::from("?"), |entry| Arc::clone(&entry.name));
        let sender = self.sender.get().cloned();
        let table = Arc::clone(self);
        let message = Arc::clone(&job.message);
        let request = Request::new(job.id, name, message, job.limits, sender, Arc::clone(self));
        let run = {
            let request = request.clone();
            async move { table.run(&job, request).await }
        };
        Prepared { request, outcome: run.boxed() }
    }

    async fn run(&self, job: &Job, request: Request) -> Outcome {
        let started = Instant::now();
        let Some(entry) = self.entries.get(job.task as usize) else {
            let unknown = Exception::new("celery.exceptions", "NotRegistered", request.task());
            return Outcome::Failed(unknown.failure(request.task()));
        };
        let opened = match Arguments::open(&job.message) {
            Ok(opened) => opened,
            Err(exception) => return Outcome::Failed(exception.failure(&entry.name)),
        };
        let follows = job.follows && opened.is_followed;
        let called = async {
            self.hooks.starting(&request);
            let signature = Arc::clone(&entry.signature);
            entry.service.run(TaskRequest::new(request.clone(), opened.arguments, signature)).await
        };
        let returned = AssertUnwindSafe(called).catch_unwind().await;
        let returned = returned.unwrap_or_else(|panic| Err(panicked(&*panic).into()));
        let returned = match returned {
            Err(TaskError { kind }) => match *kind {
                Kind::Replace(signature) => Err(replacing::replace(&request, *signature).await),
                kind => Err(TaskError::of(kind)),
            },
            returned => returned,
        };
        // A hook that panics is one more failure of the task.
        let ended = || self.ended(job, entry, &request, returned, follows, started);
        std::panic::catch_unwind(AssertUnwindSafe(ended))
            .unwrap_or_else(|panic| failed(&panicked(&*panic), &request, follows))
    }

    fn ended(
        &self,
        job: &Job,
        entry: &Entry,
        request: &Request,
        returned: Result<TaskResponse, TaskError>,
        follows: bool,
        started: Instant,
    ) -> Outcome {
        let error = match returned.and_then(|response| {
            let encodes = job.wants_result || follows;
            let result = if encodes { encode(&response)? } else { Bytes::new() };
            Ok((response, result))
        }) {
            Ok((response, result)) => {
                self.hooks.succeeded(request, &response);
                return Outcome::Succeeded(Success {
                    result,
                    repr: job.wants_repr.then(|| response.value().repr(REPR_MAX)),
                    children: request.children_text(),
                    stored: false,
                    runtime: started.elapsed(),
                    follow: follows,
                });
            }
            Err(error) => error,
        };
        let traceback = String::new();
        let reason = error.to_string();
        match *error.kind {
            Kind::Fail(exception) => {
                self.hooks.failed(request, &exception);
                failed(&exception, request, follows)
            }
            Kind::Ignore | Kind::Replace(_) => Outcome::Ignored,
            Kind::Reject { requeue, .. } => Outcome::Rejected { requeue, reason, traceback, stored: false },
            Kind::Retry(retry) => match retrying::again(request, &entry.settings, &retry) {
                Ok(outcome) => {
                    self.hooks.retried(request, retry.cause.as_ref());
                    outcome
                }
                Err(error) => match *error.kind {
                    Kind::Fail(exception) => {
                        self.hooks.failed(request, &exception);
                        failed(&exception, request, follows)
                    }
                    _ => {
                        let reason = error.to_string();
                        Outcome::Rejected { requeue: false, reason, traceback, stored: false }
                    }
                },
            },
        }
    }
}

fn failed(exception: &Exception, request: &Request, follows: bool) -> Outcome {
    let children = request.children_text();
    Outcome::Failed(Failure { children, follow: follows, ..exception.failure(request.task()) })
}

fn encode(response: &TaskResponse) -> Result<Bytes, TaskError> {
    match response.value().to_json() {
        Ok(text) => Ok(text.into()),
        Err(error) => Err(Exception::new("kombu.exceptions", "EncodeError", error.to_string()).into()),
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Exception {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Exception::new("celery_native", "PanicException", text.unwrap_or("the task panicked"))
}
