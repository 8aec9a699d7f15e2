//! From an outcome to what is stored of it and said of it.
//!
//! The wording of the log lines is Celery's (`celery/app/trace.py: LOG_*`): people search for it.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use celery_executor::{Failure, Outcome};
use celery_protocol::Message;
use celery_protocol::result::RevokedReason;
use celery_protocol::{ExceptionInfo, Extended, ResultMeta, State, iso8601};
use celery_results::{ReplyAddress, ResultBackend, StoreResult};
use celery_scheduler::Zone;

use crate::Config;
use crate::in_flight::InFlight;
use crate::intake::{Reason, Refused};
use crate::revocation::Revocation;

/// Makes results and log lines.
#[derive(Debug)]
pub(crate) struct Reporter {
    hostname: String,
    expires: Option<Duration>,
    extended: bool,
    zone: Zone,
    /// Whether results say who sent their tasks.
    answers: bool,
}

/// A result before it is encoded.
struct Meta<'a> {
    state: State,
    result: &'a str,
    traceback: Option<&'a str>,
    children: Option<&'a str>,
}

impl Reporter {
    /// `results` is where they are stored.
    pub(crate) fn new(config: &Config, results: Option<&dyn ResultBackend>) -> Self {
        Self {
            hostname: config.hostname.clone(),
            expires: config.result_expires,
            extended: config.result_extended,
            zone: config.zone.clone(),
            answers: results.is_some_and(|results| results.answers()),
        }
    }

    /// What is stored when a tracked task starts (`celery/app/trace.py`: pid and hostname).
    pub(crate) fn started(&self, in_flight: &InFlight, now: SystemTime) -> Option<StoreResult> {
        if !in_flight.spec.track_started || in_flight.ignores_result() {
            return None;
        }
        let pid = std::process::id();
        let result = serde_json::json!({ "pid": pid, "hostname": self.hostname }).to_string();
        let meta = Meta { state: State::Started, result: &result, traceback: None, children: None };
        Some(self.store(in_flight, &meta, now))
    }

    /// What is stored of an outcome.
    pub(crate) fn outcome(
        &self,
        in_flight: &InFlight,
        outcome: &Outcome,
        now: SystemTime,
    ) -> Option<StoreResult> {
        let ignored = in_flight.ignores_result();
        let errors = !ignored || in_flight.spec.store_errors_even_if_ignored;
        match outcome {
            Outcome::Succeeded(success) if !ignored && !success.stored => {
                let result = std::str::from_utf8(&success.result).unwrap_or("null");
                let children = success.children.as_deref();
                let meta = Meta { state: State::Success, result, traceback: None, children };
                Some(self.store(in_flight, &meta, now))
            }
            Outcome::Failed(failure) if errors && !failure.stored => {
                let (traceback, children) = (Some(failure.traceback.as_str()), failure.children.as_deref());
                let meta = Meta { state: State::Failure, result: &encode(failure), traceback, children };
                Some(self.store(in_flight, &meta, now))
            }
            Outcome::Retried { cause, traceback, children, stored: false, .. } if errors => {
                let result = cause.as_ref().map_or_else(|| String::from("null"), encode);
                let (traceback, children) = (Some(traceback.as_str()), children.as_deref());
                let meta = Meta { state: State::Retry, result: &result, traceback, children };
                Some(self.store(in_flight, &meta, now))
            }
            Outcome::Rejected { requeue: false, reason, traceback, stored: false } if errors => {
                let exception = ExceptionInfo::with_message("celery.exceptions", "Reject", reason).encode();
                let traceback = Some(traceback.as_str());
                let meta = Meta { state: State::Failure, result: &exception, traceback, children: None };
                Some(self.store(in_flight, &meta, now))
            }
            Outcome::TimedOut { limit } if errors => {
                let exception = ExceptionInfo::time_limit_exceeded(limit.as_secs_f64());
                Some(self.plain(in_flight, State::Failure, &exception, now))
            }
            Outcome::Terminated { .. } if errors => {
                let exception = ExceptionInfo::task_revoked(RevokedReason::Terminated);
                Some(self.plain(in_flight, State::Revoked, &exception, now))
            }
            _ => None,
        }
    }

    /// What is stored of a message that is not run.
    pub(crate) fn refused(&self, refused: &Refused, now: SystemTime) -> Option<StoreResult> {
        let headers = refused.headers.as_ref()?;
        if let Some(spec) = &refused.spec
            && spec.ignores(headers.ignore_result)
            && !spec.store_errors_even_if_ignored
        {
            return None;
        }
        let (state, exception) = match &refused.reason {
            Reason::Unknown => (State::Failure, ExceptionInfo::not_registered(&headers.task)),
            Reason::Expired => (State::Revoked, ExceptionInfo::task_revoked(RevokedReason::Expired)),
            Reason::Revoked(_) => (State::Revoked, ExceptionInfo::task_revoked(RevokedReason::Revoked)),
            Reason::Disallowed(content_type) => {
                let message = format!("Refusing to deserialize untrusted content of type {content_type}");
                (
                    State::Failure,
                    ExceptionInfo::with_message("kombu.exceptions", "ContentDisallowed", &message),
                )
            }
            Reason::Invalid(error) | Reason::Undecodable(error) => {
                (State::Failure, ExceptionInfo::with_message("celery.exceptions", "InvalidTaskError", error))
            }
        };
        let result = exception.encode();
        let date_done = local(&self.zone, now);
        let mut meta = ResultMeta::new(&headers.id, state, &result);
        meta.date_done = Some(&date_done);
        meta.group_id = headers.group.as_deref();
        meta.parent_id = headers.parent_id.as_deref();
        let reply = refused.message.as_ref().and_then(|message| self.reply(&headers.id, message));
        let stored = StoreResult::new(headers.id.as_str(), Bytes::from(meta.encode()), self.expires);
        Some(stored.answering(reply))
    }

    /// A task that is revoked wherever its message is (`celery/worker/control.py: _revoke`).
    pub(crate) fn revoked(&self, id: &str, now: SystemTime) -> StoreResult {
        let result = ExceptionInfo::task_revoked(RevokedReason::Revoked).encode();
        let date_done = local(&self.zone, now);
        let mut meta = ResultMeta::new(id, State::Revoked, &result);
        meta.date_done = Some(&date_done);
        StoreResult::new(id, Bytes::from(meta.encode()), self.expires).unless_begun()
    }

    /// A task that the shutdown gave up after its message had been acknowledged
    /// (`celery/worker/request.py: Request._announce_cancelled`).
    pub(crate) fn cancelled(&self, in_flight: &InFlight, now: SystemTime) -> Option<StoreResult> {
        if in_flight.ignores_result() {
            return None;
        }
        let exception = ExceptionInfo::with_message("celery.exceptions", "Retry", "cancelled by Celery");
        Some(self.plain(in_flight, State::Retry, &exception, now))
    }

    /// A state with an exception that was not raised anywhere.
    fn plain(
        &self,
        in_flight: &InFlight,
        state: State,
        exception: &ExceptionInfo,
        now: SystemTime,
    ) -> StoreResult {
        let result = exception.encode();
        self.store(in_flight, &Meta { state, result: &result, traceback: None, children: None }, now)
    }

    fn store(&self, in_flight: &InFlight, meta: &Meta<'_>, now: SystemTime) -> StoreResult {
        let headers = &in_flight.headers;
        let date_done = meta.state.is_ready().then(|| local(&self.zone, now));
        let mut encoded = ResultMeta::new(&headers.id, meta.state.clone(), meta.result);
        encoded.traceback = meta.traceback;
        encoded.children = meta.children;
        encoded.date_done = date_done.as_deref();
        encoded.group_id = headers.group.as_deref();
        encoded.parent_id = headers.parent_id.as_deref();
        let body = self.extended.then(|| in_flight.body()).flatten();
        encoded.extended = self.extended.then(|| Extended {
            name: Some(&headers.task),
            args: body.as_ref().map(|body| body.args),
            kwargs: body.as_ref().map(|body| body.kwargs),
            worker: Some(&self.hostname),
            retries: Some(headers.retries),
            queue: Some(&in_flight.message.properties.delivery_info.routing_key),
            stamped_headers: headers.stamped_headers.as_deref(),
            stamps: &headers.stamps,
        });
        StoreResult::new(headers.id.as_str(), Bytes::from(encoded.encode()), self.expires)
            .answering(self.reply(&headers.id, &in_flight.message))
    }

    /// Who sent the task, if that is asked for.
    fn reply(&self, id: &str, message: &Message) -> Option<ReplyAddress> {
        let properties = &message.properties;
        let of =
            || ReplyAddress::of(id, properties.reply_to.as_deref(), properties.correlation_id.as_deref());
        self.answers.then(of).flatten()
    }
}

/// A moment as Python's `datetime.isoformat()` writes it for a zone (`celery/app/base.py: Celery.now`).
pub(crate) fn local(zone: &Zone, moment: SystemTime) -> String {
    let offset = zone.offset(moment);
    let ahead = Duration::from_secs(u64::from(offset.unsigned_abs()));
    let shifted = if offset < 0 { moment.checked_sub(ahead) } else { moment.checked_add(ahead) };
    let mut text = iso8601(shifted.unwrap_or(moment));
    if offset != 0 {
        let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs() / 60);
        text.truncate(text.len() - "+00:00".len());
        text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
    }
    text
}

/// An exception as it is stored.
fn encode(failure: &Failure) -> String {
    let exception = ExceptionInfo {
        exc_type: failure.exc_type.clone(),
        exc_message: failure.exc_message.clone(),
        exc_module: Some(failure.exc_module.clone()),
    };
    exception.encode()
}

/// Says that a message came.
pub(crate) fn log_received(in_flight: &InFlight) {
    tracing::info!("Task {}[{}] received", in_flight.name(), in_flight.headers.id);
}

/// Says that a message came and waits in the broker.
pub(crate) fn log_parked(in_flight: &InFlight, due: SystemTime) {
    let (name, id) = (in_flight.name(), &in_flight.headers.id);
    tracing::info!("Task {name}[{id}] waits in the broker until {}", iso8601(due));
}

/// Says that a control command failed; few who give one wait for the answer (`kombu/pidbox.py: Node.dispatch`).
pub(crate) fn log_command_error(error: &str) {
    tracing::error!("pidbox command error: {error}");
}

/// Says why a message is not run.
pub(crate) fn log_refused(refused: &Refused) {
    let id = refused.headers.as_ref().map_or("?", |headers| headers.id.as_str());
    let name = refused.headers.as_ref().map_or("?", |headers| headers.task.as_str());
    match &refused.reason {
        Reason::Undecodable(error) => tracing::error!("Can't decode message body: {error}"),
        Reason::Unknown => tracing::error!(
            "Received unregistered task of type '{name}' [{id}].\nThe message has been ignored and discarded.\n\n\
             Did you remember to import the module containing this task?\nOr maybe you're using relative imports?"
        ),
        Reason::Disallowed(content_type) => tracing::error!(
            "Can't decode message body: Refusing to deserialize untrusted content of type {content_type} \
             (task {name}[{id}]); add it to accept_content to allow it"
        ),
        Reason::Invalid(error) => tracing::error!("Received invalid task message {name}[{id}]: {error}"),
        Reason::Expired | Reason::Revoked(Revocation::Id) => {
            tracing::info!("Discarding revoked task: {name}[{id}]")
        }
        Reason::Revoked(Revocation::Stamp(stamp)) => {
            tracing::info!("Discarding revoked task: {name}[{id}] (revoked by header: {stamp})");
        }
    }
}

/// Says how a job ended.
pub(crate) fn log_ended(in_flight: &InFlight, outcome: &Outcome) {
    let (name, id) = (in_flight.name(), in_flight.headers.id.as_str());
    match outcome {
        Outcome::Succeeded(success) => {
            let runtime = success.runtime.as_secs_f64();
            let value = success.repr.as_deref().unwrap_or("...");
            tracing::info!("Task {name}[{id}] succeeded in {runtime}s: {value}");
        }
        Outcome::Failed(failure) if failure.expected => {
            tracing::info!("Task {name}[{id}] raised expected: {}", failure.repr);
        }
        Outcome::Failed(failure) => {
            let traceback = failure.traceback.trim_end();
            tracing::error!("Task {name}[{id}] raised unexpected: {}\n{traceback}", failure.repr);
        }
        Outcome::Retried { reason, .. } => tracing::info!("Task {name}[{id}] retry: {reason}"),
        Outcome::Ignored => tracing::info!("Task {name}[{id}] ignored"),
        Outcome::Rejected { reason, .. } => tracing::warn!("Task {name}[{id}] {reason}"),
        Outcome::Terminated { signal } => {
            tracing::warn!("Task {name}[{id}] terminated: signal {signal}");
        }
        Outcome::TimedOut { limit } => {
            tracing::error!("Hard time limit ({}s) exceeded for {name}[{id}]", limit.as_secs_f64());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// From Python: `datetime.fromtimestamp(seconds, zone).isoformat()`.
    #[test]
    fn moments_in_zones() {
        let moment = UNIX_EPOCH + Duration::from_micros(1_795_349_596_025_307);
        assert_eq!(local(&Zone::default(), moment), "2026-11-22T12:13:16.025307+00:00");
        assert_eq!(local(&Zone::fixed(19_800), moment), "2026-11-22T17:43:16.025307+05:30");
        assert_eq!(local(&Zone::fixed(-12_600), UNIX_EPOCH), "1969-12-31T20:30:00-03:30");
    }
}
