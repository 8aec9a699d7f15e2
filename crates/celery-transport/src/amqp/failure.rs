//! From the client library's errors to this crate's.

use std::io;

use lapin::{ErrorKind, protocol::AMQPErrorKind};
use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

use crate::Error;

/// What an error means for whoever asked.
pub(super) fn error(url: &str, error: &lapin::Error) -> Error {
    if let ErrorKind::IOError(error) = error.kind() {
        return socket(url, error);
    }
    let (url, reason) = (url.to_owned(), error.to_string());
    if is_refusal(error) {
        Error::Refused { url, reason }
    } else {
        Error::Lost { url, reason: explained(reason) }
    }
}

/// What an error of the stream means. That TLS fails does not get better by waiting, but for a stream that ends.
pub(super) fn socket(url: &str, error: &io::Error) -> Error {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls.and_then(advice) {
        Some(advice) => Error::Refused { url: url.to_owned(), reason: format!("{advice} ({error})") },
        None => lost(url, error),
    }
}

/// What to do about a failure of TLS; nothing is known of others.
fn advice(error: &rustls::Error) -> Option<&'static str> {
    use CertificateError as Bad;
    Some(match error {
        rustls::Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "the broker's certificate is for another name: use that name in the URL, or give it as server_hostname in \
             broker_use_ssl"
        }
        rustls::Error::InvalidCertificate(
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. },
        ) => "the broker's certificate is not of today",
        // Also when an authority has the name of one that is trusted.
        rustls::Error::InvalidCertificate(_) => {
            "the broker's certificate is not of an authority that is trusted: name a file with that authority as \
             ca_certs in broker_use_ssl"
        }
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            // What TLS 1.2 says instead.
            | AlertDescription::HandshakeFailure,
        ) => "the broker wants a certificate of the client: give certfile and keyfile in broker_use_ssl",
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied,
        ) => "the broker does not accept the client's certificate: see certfile in broker_use_ssl",
        rustls::Error::AlertReceived(_) => "the broker refuses our side of TLS",
        rustls::Error::InvalidMessage(_) => {
            "the broker does not speak TLS here: RabbitMQ's port for it is 5671 by default"
        }
        _ => return None,
    })
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
