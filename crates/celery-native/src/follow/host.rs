//! What the engine leaves to the program around it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use celery_executor::Failure;
use celery_protocol::canvas::Signature;
use celery_protocol::result::ResultTree;
use celery_protocol::{Body, ExceptionInfo, Message, ResultMeta, State, TaskHeaders, Value};
use celery_results::ResultBackend;
use celery_worker::{Conclusion, Ending, Host, How, Parent, Sender};

use super::ended::{Cause, Fate, Member, extended};
use crate::arguments::whole;

/// Concludes tasks that ended otherwise than by returning.
#[derive(Debug)]
pub(crate) struct NativeHost {
    results: Option<Arc<dyn ResultBackend>>,
    expires: Option<Duration>,
    /// The node name, when results are to be extended.
    extended: Option<String>,
    /// Set when the worker is put together, before the first task ends.
    sender: OnceLock<Arc<Sender>>,
}

impl NativeHost {
    pub(crate) fn new(
        results: Option<Arc<dyn ResultBackend>>,
        expires: Option<Duration>,
        extended: Option<String>,
    ) -> Self {
        Self { results, expires, extended, sender: OnceLock::new() }
    }

    pub(crate) fn connect(&self, sender: Arc<Sender>) {
        // There is one worker for each host.
        let _ = self.sender.set(sender);
    }

    pub(super) fn results(&self) -> Option<&Arc<dyn ResultBackend>> {
        self.results.as_ref()
    }

    pub(super) fn sender(&self) -> Option<&Arc<Sender>> {
        self.sender.get()
    }

    pub(super) fn expires(&self) -> Option<Duration> {
        self.expires
    }

    /// Stores a failure if that is wanted, and tells all whom it concerns (`Backend.mark_as_failure`).
    async fn fail(&self, ended: &Ended<'_>, fate: &Fate, store: bool, calls_errbacks: bool) {
        let cause = ended.cause;
        let member = Member::of(cause.headers, ended.message, ended.chord());
        if store {
            let result = fate.exception.encode();
            let mut meta = ResultMeta::new(&member.id, fate.state.clone(), &result);
            meta.traceback = fate.traceback.as_deref();
            meta.children = fate.children.as_deref();
            let (headers, body) = (cause.headers, &ended.body);
            let hostname = self.extended.as_deref();
            meta.extended =
                hostname.map(|name| extended(headers, ended.message, body.args, body.kwargs, name));
            self.store_meta(&member, meta).await;
        }
        if member.chord.is_some() {
            self.return_part(cause, &member, &fate.state, &fate.exception.encode()).await;
        }
        if calls_errbacks {
            self.fail_chain(cause, &signatures(ended.body.embed.chain), fate, store).await;
            let root = Parent::new(cause.headers, None).root();
            self.send_errbacks(cause, &member.id, root, signatures(ended.body.embed.errbacks)).await;
        }
    }

    /// Sends what follows a task that gave `value`; when that cannot be sent, the task has failed.
    async fn follow(&self, ended: &Ended<'_>, value: &str, store: bool) -> Conclusion {
        let Some(sender) = self.sender() else { return Conclusion::NotDone };
        let cause = ended.cause;
        let parent = Parent::new(cause.headers, cause.priority);
        match sender.follow(cause.job, parent, &ended.body, value).await {
            Ok(children) => Conclusion::Sent(ResultTree::encode_list(&children)),
            Err(error) => {
                let exception = crate::Exception::from_error(&error);
                let failure = exception.failure(&cause.headers.task);
                self.fail(ended, &Fate::of(&failure), store, true).await;
                Conclusion::Failed(Box::new(Failure { stored: true, ..failure }))
            }
        }
    }
}

/// A task that ended.
struct Ended<'a> {
    cause: Cause<'a>,
    message: &'a Message,
    body: Body<'a>,
}

impl Ended<'_> {
    fn chord(&self) -> Option<Signature> {
        let chord = self.body.embed.chord.filter(|chord| !matches!(*chord, "null" | "{}"))?;
        Signature::from_value(Value::from_json(chord).ok()?).ok()
    }
}

/// The signatures of a JSON list; none of anything else.
fn signatures(text: Option<&str>) -> Vec<Signature> {
    match text.and_then(|text| Value::from_json(text).ok()) {
        Some(Value::List(items)) => {
            items.into_iter().filter_map(|item| Signature::from_value(item).ok()).collect()
        }
        _ => Vec::new(),
    }
}

#[async_trait]
impl Host for NativeHost {
    async fn command(&self, _: &str, _: &str) -> Option<Result<String, String>> {
        None
    }

    fn blocked(&self, index: usize, lag: Duration) {
        tracing::warn!(
            "Loop {index} has not answered for {:.1}s: a task blocks it. Register tasks that block with `blocking`",
            lag.as_secs_f64()
        );
    }

    async fn conclude(&self, ending: Ending) -> Conclusion {
        let Ok(headers) = TaskHeaders::decode(ending.message.headers.get()) else {
            return Conclusion::NotDone;
        };
        // Whichever serialiser and compression it came in, as JSON.
        let Ok(text) = whole(&ending.message).and_then(|body| body.to_json()) else {
            return Conclusion::NotDone;
        };
        let Ok(body) = Body::split(&text) else { return Conclusion::NotDone };
        let priority = ending.message.properties.priority;
        let cause = Cause { job: ending.job, headers: &headers, priority };
        let ended = Ended { cause, message: &ending.message, body };
        match &ending.how {
            How::Succeeded(value) => {
                return self.follow(&ended, std::str::from_utf8(value).unwrap_or("null"), ending.store).await;
            }
            How::Counted(value) => {
                let member = Member::of(&headers, ended.message, ended.chord());
                let value = std::str::from_utf8(value).unwrap_or("null");
                self.return_part(cause, &member, &State::Success, value).await;
            }
            How::BodyRefused(reason) => {
                if let Some(body) = ended.chord() {
                    self.fail_body(cause, &body, &format!("Callback error: {reason}"), None).await;
                }
            }
            How::Failed(failure) => self.fail(&ended, &Fate::of(failure), ending.store, true).await,
            How::TimedOut(limit) => {
                let exception = ExceptionInfo::time_limit_exceeded(limit.as_secs_f64());
                self.fail(&ended, &Fate::failed(exception), ending.store, true).await;
            }
            How::Refused(reason) => {
                let exception = ExceptionInfo::with_message("kombu.exceptions", "OperationalError", reason);
                self.fail(&ended, &Fate::failed(exception), ending.store, true).await;
            }
            How::Revoked(reason, _) => {
                let fate = Fate::new(State::Revoked, ExceptionInfo::task_revoked(*reason));
                self.fail(&ended, &fate, ending.store, false).await;
            }
            _ => return Conclusion::NotDone,
        }
        Conclusion::Done
    }
}
