//! From a delivery to a job, or to the reason why it is none.
//!
//! The order is Celery's (`celery/worker/consumer/consumer.py: create_task_handler`, `celery/worker/strategy.py`):
//! is it a task message, is the task known, is the content accepted, has it expired, is it for later.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use celery_executor::{Job, Limits};
use celery_protocol::{Expires, Message, TaskHeaders, V1Task};
use celery_scheduler::parse_timestamp;
use celery_transport::{Delivery, DeliveryTag};

use crate::in_flight::{Admitted, InFlight, JobIds};
use crate::revocation::Revocation;
use crate::{Config, TaskSpec};

/// What a delivery turned out to be.
#[derive(Debug)]
pub(crate) enum Admission {
    /// A job to be run now.
    Now(Admitted),
    /// A job to be run later.
    Later(SystemTime, Admitted),
    /// Not to be run: acknowledged, and perhaps a result stored.
    Refused(Box<Refused>),
}

/// A delivery that is not run.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) tag: DeliveryTag,
    /// The message, if it is one.
    pub(crate) message: Option<Arc<Message>>,
    /// The task's headers, if there are any.
    pub(crate) headers: Option<TaskHeaders>,
    /// The task, if it is known.
    pub(crate) spec: Option<Arc<TaskSpec>>,
    pub(crate) reason: Reason,
}

impl Refused {
    /// A message that was admitted and is not run after all.
    pub(crate) fn admitted(in_flight: InFlight, reason: Reason) -> Self {
        let InFlight { tag, message, headers, spec, .. } = in_flight;
        Self { tag, message: Some(message), headers: Some(headers), spec: Some(spec), reason }
    }
}

/// Why a delivery is not run.
#[derive(Debug)]
pub(crate) enum Reason {
    /// The bytes are no message, or the message is no task.
    Undecodable(String),
    /// No task of that name is registered.
    Unknown,
    /// The content type is not in `accept_content`.
    Disallowed(String),
    /// An ETA or expiry that is no time.
    Invalid(String),
    /// It expired before it could be run.
    Expired,
    /// It was revoked before it was run.
    Revoked(Revocation),
}

/// Admits deliveries.
#[derive(Debug)]
pub(crate) struct Intake {
    tasks: std::collections::HashMap<Arc<str>, (u32, Arc<TaskSpec>)>,
    accept_content: Vec<String>,
    ids: JobIds,
}

impl Intake {
    pub(crate) fn new(config: &Config) -> Self {
        let tasks = (0..).zip(&config.tasks);
        Self {
            tasks: tasks
                .map(|(index, spec)| (Arc::clone(&spec.name), (index, Arc::new(spec.clone()))))
                .collect(),
            accept_content: config.accept_content.clone(),
            ids: JobIds::default(),
        }
    }

    /// Changes the time limits of a task, for messages that come from now on. Returns whether there is such a task.
    pub(crate) fn limit(&mut self, task: &str, limits: Limits) -> bool {
        let Some((_, spec)) = self.tasks.get_mut(task) else { return false };
        Arc::make_mut(spec).limits = limits;
        true
    }

    /// The number of a task.
    pub(crate) fn number(&self, task: &str) -> Option<u32> {
        self.tasks.get(task).map(|(index, _)| *index)
    }

    pub(crate) fn admit(&mut self, delivery: Delivery, now: SystemTime) -> Admission {
        let Delivery { tag, message, rank, .. } = delivery;
        let message = match message {
            Ok(message) => message,
            Err(undecodable) => {
                let reason = Reason::Undecodable(undecodable.error.to_string());
                return unreadable(tag, reason);
            }
        };
        let (message, headers) = match task_message(message) {
            Ok(parts) => parts,
            Err(error) => {
                let reason = Reason::Undecodable(error);
                return unreadable(tag, reason);
            }
        };
        let (index, spec) = match self.tasks.get(headers.task.as_str()) {
            Some((index, spec)) => (*index, Some(Arc::clone(spec))),
            None => (0, None),
        };
        let times = Times::read(&headers, now);
        let refused = |headers, spec, message, reason| {
            let tag = tag.clone();
            let refused = Refused { tag, message: Some(message), headers: Some(headers), spec, reason };
            Admission::Refused(Box::new(refused))
        };
        let message = Arc::new(message);
        let Some(spec) = spec else { return refused(headers, None, message, Reason::Unknown) };
        if !self.accept_content.contains(&message.content_type) {
            let reason = Reason::Disallowed(message.content_type.clone());
            return refused(headers, Some(spec), message, reason);
        }
        let times = match times {
            Ok(times) => times,
            Err(error) => return refused(headers, Some(spec), message, Reason::Invalid(error)),
        };
        if times.expires.is_some_and(|expires| expires <= now) {
            return refused(headers, Some(spec), message, Reason::Expired);
        }
        let job = Job::new(self.ids.next(), index, Arc::clone(&message))
            .with_limits(limits(&headers, &spec))
            .with_report_start(spec.track_started)
            .with_rank(rank)
            .with_follows(spec.follows)
            .with_wants_result(!spec.ignores(headers.ignore_result));
        let kind = spec.kind;
        let in_flight = Box::new(InFlight { tag, headers, spec, message, started: None, acked: false });
        let admitted = Admitted { kind, job, in_flight, expires: times.expires };
        match times.eta {
            Some(eta) if eta > now => Admission::Later(eta, admitted),
            _ => Admission::Now(admitted),
        }
    }
}

fn unreadable(tag: DeliveryTag, reason: Reason) -> Admission {
    Admission::Refused(Box::new(Refused { tag, message: None, headers: None, spec: None, reason }))
}

/// The message as protocol 2, and its headers.
fn task_message(message: Message) -> Result<(Message, TaskHeaders), String> {
    match TaskHeaders::decode(message.headers.get()) {
        Ok(headers) => Ok((message, headers)),
        // Protocol 1 keeps everything in the body.
        Err(error) => from_protocol_1(message).ok_or_else(|| error.to_string()),
    }
}

fn from_protocol_1(mut message: Message) -> Option<(Message, TaskHeaders)> {
    let V1Task { headers, body, .. } =
        V1Task::convert(message.headers.get(), std::str::from_utf8(&message.body).ok()?).ok()?;
    let encoded = String::from_utf8(headers.encode()).ok()?;
    message.headers = serde_json::value::RawValue::from_string(encoded).ok()?;
    message.body = body.into();
    Some((message, headers))
}

fn limits(headers: &TaskHeaders, spec: &TaskSpec) -> Limits {
    let seconds = |limit: Option<f64>| limit.and_then(|limit| Duration::try_from_secs_f64(limit).ok());
    Limits {
        soft: seconds(headers.timelimit.soft).or(spec.limits.soft),
        hard: seconds(headers.timelimit.hard).or(spec.limits.hard),
    }
}

#[derive(Debug)]
struct Times {
    eta: Option<SystemTime>,
    expires: Option<SystemTime>,
}

impl Times {
    fn read(headers: &TaskHeaders, now: SystemTime) -> Result<Self, String> {
        let eta = headers.eta.as_deref().map(parse_timestamp).transpose();
        let expires = match &headers.expires {
            Some(Expires::Iso(text)) => parse_timestamp(text).map(Some),
            // A time too far to be written down is no expiry.
            Some(Expires::Seconds(seconds)) => {
                Ok(Duration::try_from_secs_f64(seconds.max(0.0)).ok().and_then(|wait| now.checked_add(wait)))
            }
            None => Ok(None),
        };
        let eta = eta.map_err(|error| format!("invalid ETA: {error}"))?;
        let expires = expires.map_err(|error| format!("invalid expiry: {error}"))?;
        Ok(Self { eta, expires })
    }
}
