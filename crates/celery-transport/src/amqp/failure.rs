//! From the client library's errors to this crate's.

use lapin::{ErrorKind, protocol::AMQPErrorKind};

use crate::Error;

/// What an error means for whoever asked.
pub(super) fn error(url: &str, error: &lapin::Error) -> Error {
    let (url, reason) = (url.to_owned(), error.to_string());
    if is_refusal(error) {
        Error::Refused { url, reason }
    } else {
        Error::Lost { url, reason: explained(reason) }
    }
}

/// A lost connection.
pub(super) fn lost(url: &str, reason: impl ToString) -> Error {
    Error::Lost { url: url.to_owned(), reason: reason.to_string() }
}

/// Whether trying again does not help.
fn is_refusal(error: &lapin::Error) -> bool {
    let ErrorKind::ProtocolError(said) = error.kind() else { return false };
    let text = said.get_message().as_str();
    // A queue or a virtual host that waits for its node, and a message that was held too long.
    if text.contains(" down") || text.contains("timed out") {
        return false;
    }
    match said.kind() {
        // 405, a queue of somebody else's connection, ends with that connection.
        AMQPErrorKind::Soft(_) => said.get_id() != 405,
        // 402 and 403 (who may come in), 530 (not allowed) and 540 (not implemented).
        AMQPErrorKind::Hard(_) => matches!(said.get_id(), 402 | 403 | 530 | 540),
    }
}

fn explained(reason: String) -> String {
    if reason.contains("delivery acknowledgement") && reason.contains("timed out") {
        format!(
            "{reason}: a message was held for longer than the broker's consumer_timeout, and is delivered again. Raise \
             consumer_timeout in rabbitmq.conf above the longest task with acks_late, or the longest countdown"
        )
    } else {
        reason
    }
}
