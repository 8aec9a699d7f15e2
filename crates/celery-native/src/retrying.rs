//! Sending a task again, as `self.retry()` does (`celery/app/task.py: Task.retry`, `signature_from_request`).
//!
//! The message goes out as it came: what follows the task, its group, its limits and the sender's headers are kept
//! without being looked at. Only the count of retries and the ETA change.

use std::time::{Duration, SystemTime};

use celery_executor::Outcome;
use celery_protocol::message::DELIVERY_COUNT;
use celery_protocol::{Message, iso8601};
use celery_transport::Publication;
use serde_json::value::RawValue;

use crate::definition::Settings;
use crate::retry::Most;
use crate::{Exception, Request, Retry, TaskError};

/// Sends the task again; or gives what it fails with, having no retries left.
pub(crate) fn again(request: &Request, settings: &Settings, retry: &Retry) -> Result<Outcome, TaskError> {
    let retries = request.retries().saturating_add(1);
    let most = match retry.most {
        Most::Default => settings.max_retries,
        Most::Times(most) => Some(most),
        Most::Endless => None,
    };
    if most.is_some_and(|most| retries > most) {
        return Err(retry.cause.clone().unwrap_or_else(|| exceeded(request)).into());
    }
    let unsent = |reason: &dyn std::fmt::Display| TaskError::reject(reason.to_string(), false);
    let sender = request.sender().ok_or_else(|| unsent(&"the task does not run in a worker"))?;
    let countdown = retry.countdown.unwrap_or(settings.default_retry_delay);
    let (eta, when) = match retry.eta {
        Some(eta) => (Some(eta), format!("at {}", iso8601(eta).replace('T', " "))),
        None if countdown.is_zero() => (None, String::from("in 0s")),
        None => (sender.now().checked_add(countdown), format!("in {}s", seconds(countdown))),
    };
    let message = message(request, retries, eta).map_err(|error| unsent(&error))?;
    let delivery = request.delivery_info();
    let publication = Publication::new(&*delivery.exchange, &*delivery.routing_key, message);
    sender.publish(request.job(), publication).map_err(|error| unsent(&error))?;
    request.add_child(request.id());
    let cause = retry.cause.as_ref().map(|cause| cause.failure(request.task()));
    let reason = match &retry.cause {
        Some(cause) => format!("Retry {when}: {cause}"),
        None => format!("Retry {when}"),
    };
    let traceback = cause.as_ref().map(|cause| cause.traceback.clone()).unwrap_or_default();
    Ok(Outcome::Retried { cause, reason, traceback, children: request.children_text(), stored: false })
}

fn message(
    request: &Request,
    retries: u32,
    eta: Option<SystemTime>,
) -> Result<Message, celery_protocol::Error> {
    let mut headers = request.headers().clone();
    headers.retries = retries;
    headers.eta = eta.map(iso8601);
    headers.redelivered = false;
    headers.rest.retain(|(name, _)| name != DELIVERY_COUNT);
    let headers = String::from_utf8(headers.encode()).unwrap_or_default();
    let headers =
        RawValue::from_string(headers).map_err(|error| celery_protocol::Error::Convert(error.to_string()))?;
    let mut message = Message { headers, ..Message::clone(request.message()) };
    message.properties.delivery_tag = None;
    message.properties.delivery_info.redelivered = None;
    Ok(message)
}

fn exceeded(request: &Request) -> Exception {
    let headers = request.headers();
    let shown = |repr: &Option<String>| repr.clone().unwrap_or_default();
    let text = format!(
        "Can't retry {}[{}] args:{} kwargs:{}",
        request.task(),
        request.id(),
        shown(&headers.argsrepr),
        shown(&headers.kwargsrepr)
    );
    Exception::new("celery.exceptions", "MaxRetriesExceededError", text)
}

/// As Python shows a number of seconds.
fn seconds(countdown: Duration) -> String {
    match countdown.subsec_nanos() {
        0 => countdown.as_secs().to_string(),
        _ => countdown.as_secs_f64().to_string(),
    }
}
