//! What the worker remembers of a message between its delivery and its end.

use std::sync::Arc;
use std::time::SystemTime;

use celery_executor::{Job, JobId, Kind, Outcome};
use celery_protocol::control::reply::{TaskInfo, TaskRoute};
use celery_protocol::{Body, Message, TaskHeaders};
use celery_transport::DeliveryTag;

use crate::TaskSpec;

/// A message that was admitted.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) tag: DeliveryTag,
    pub(crate) headers: TaskHeaders,
    pub(crate) spec: Arc<TaskSpec>,
    /// The message, which the job shares.
    pub(crate) message: Arc<Message>,
    /// When it got its slot.
    pub(crate) started: Option<SystemTime>,
    /// Whether it was acknowledged and so no longer counts against the prefetch.
    pub(crate) acked: bool,
}

impl InFlight {
    /// Whether nobody wants the result.
    pub(crate) fn ignores_result(&self) -> bool {
        self.spec.ignores(self.headers.ignore_result)
    }

    /// Whether the message of a task that ended so is not acknowledged but given up, or back with `true`
    /// (`celery/worker/request.py: on_failure, on_timeout`). `None` when it is acknowledged, or was.
    pub(crate) fn rejection(&self, outcome: &Outcome) -> Option<bool> {
        match outcome {
            _ if self.acked => None,
            Outcome::Rejected { requeue, .. } => Some(*requeue),
            Outcome::TimedOut { .. } if !self.spec.acks_on_timeout => Some(true),
            Outcome::Failed(_) if !self.spec.acks_on_failure => Some(false),
            _ => None,
        }
    }

    /// The parts of the body; `None` when it is not plain JSON.
    pub(crate) fn body(&self) -> Option<Body<'_>> {
        body(&self.message)
    }

    /// The name in log lines: the shadow name if the producer gave one.
    pub(crate) fn name(&self) -> &str {
        self.headers.display_name()
    }
}

/// A task as `Request.info` shows one that has not started (`celery/worker/request.py`). With `safe` the arguments are
/// shown as the producer's `repr` has them.
pub(crate) fn info(headers: &TaskHeaders, message: &Message, safe: bool) -> TaskInfo {
    let text = |text: &Option<String>| serde_json::json!(text).to_string();
    let body = body(message).filter(|_| !safe);
    let delivery = &message.properties.delivery_info;
    TaskInfo {
        id: headers.id.clone(),
        name: headers.display_name().to_owned(),
        args: body.as_ref().map_or_else(|| text(&headers.argsrepr), |body| body.args.to_owned()),
        kwargs: body.as_ref().map_or_else(|| text(&headers.kwargsrepr), |body| body.kwargs.to_owned()),
        kind: Some(headers.task.clone()),
        hostname: None,
        time_start: None,
        acknowledged: false,
        delivery_info: TaskRoute {
            exchange: Some(delivery.exchange.clone()),
            routing_key: Some(delivery.routing_key.clone()),
            priority: message.properties.priority.map(i64::from),
            redelivered: Some(delivery.redelivered.unwrap_or_default()),
            rest: Vec::new(),
        },
        worker_pid: None,
        rest: Vec::new(),
    }
}

/// The parts of a body; `None` when it is not plain JSON.
pub(crate) fn body(message: &Message) -> Option<Body<'_>> {
    Body::split(std::str::from_utf8(&message.body).ok()?).ok()
}

/// A message on its way to the executor.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) kind: Kind,
    pub(crate) job: Job,
    pub(crate) in_flight: Box<InFlight>,
    /// When it is not to be started any more.
    pub(crate) expires: Option<SystemTime>,
}

/// Gives out job ids.
#[derive(Debug, Default)]
pub(crate) struct JobIds(u64);

impl JobIds {
    pub(crate) fn next(&mut self) -> JobId {
        self.0 += 1;
        JobId(self.0)
    }
}
