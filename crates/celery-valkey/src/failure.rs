//! From the client library's errors to ours.

use fred::error::{Error as ClientError, ErrorKind};

use crate::Error;

/// Replies that say "not now". Source: the error codes of `redis/src/server.c: createSharedObjects`.
const TRANSIENT: [&str; 10] = [
    "LOADING",
    "READONLY",
    "OOM",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "BUSY",
    "MISCONF",
    "NOREPLICAS",
    "UNKILLABLE",
];

/// Why a cluster cannot be used.
pub(crate) const CLUSTER: &str = "the server is part of a Redis Cluster, which is not supported: Celery's queues are \
    several keys that change together; use a server without cluster mode, or Sentinel";

/// What is said when nobody answers.
pub(crate) const TIMEOUT: &str = "no reply in time";

/// Errors of the TLS library after which trying again does not help, and what to do about them. It only shows them in
/// their debug form.
const TLS: [(&str, &str); 5] = [
    (
        "CaUsedAsEndEntity",
        "the server's certificate is its own authority: have it signed by one, or do not verify it",
    ),
    (
        "InvalidCertificate",
        "the server's certificate is not trusted: see ssl_ca_certs and ssl_check_hostname",
    ),
    ("AlertReceived", "the server refuses our side of TLS: see ssl_certfile and ssl_keyfile"),
    ("InvalidMessage", "the server does not speak TLS here"),
    ("InvalidContentType", "the server does not speak TLS here"),
];

/// The error for what `url` (the password hidden) answered, or that it did not.
pub(crate) fn from_client(url: &str, error: &ClientError) -> Error {
    let text = error.details();
    let (url, mut reason) = (url.to_owned(), reason(error).to_owned());
    if let Some((_, advice)) = TLS.iter().find(|(word, _)| text.contains(word)) {
        reason = format!("{advice} ({reason})");
        return Error::Refused { url, reason };
    }
    let lost = match error.kind() {
        ErrorKind::IO
        | ErrorKind::Timeout
        | ErrorKind::Canceled
        | ErrorKind::Routing
        | ErrorKind::Backpressure => true,
        // Replies of the server begin with a code in capitals; the rest is the library's ("Failed to route command.").
        ErrorKind::Unknown => is_transient(text) || !begins_with_code(text),
        _ => is_transient(text),
    };
    if lost { Error::Lost { url, reason } } else { refused(url, reason) }
}

/// The error for an error text that a script returned as its reply.
pub(crate) fn from_text(url: &str, text: &str) -> Error {
    let (url, reason) = (url.to_owned(), text.to_owned());
    if is_transient(text) { Error::Lost { url, reason } } else { refused(url, reason) }
}

fn refused(url: String, reason: String) -> Error {
    let is_cluster = ["MOVED ", "ASK ", "CROSSSLOT "].iter().any(|code| reason.starts_with(code));
    let reason = if is_cluster { format!("{CLUSTER} ({reason})") } else { reason };
    Error::Refused { url, reason }
}

/// Whether the server says that it is not the master, or has none.
pub(crate) fn is_demoted(text: &str) -> bool {
    codes(text).any(|code| matches!(code, "READONLY" | "MASTERDOWN"))
}

/// What went wrong, for people.
pub(crate) fn reason(error: &ClientError) -> &str {
    match error.kind() {
        ErrorKind::Timeout => TIMEOUT,
        _ => system_message(error.details()).unwrap_or(error.details()),
    }
}

/// What the system said, where the client library shows its error in the debug form.
fn system_message(text: &str) -> Option<&str> {
    let (_, message) = text.strip_prefix("Os {")?.split_once("message: \"")?;
    message.split_once('"').map(|(message, _)| message)
}

fn is_transient(text: &str) -> bool {
    codes(text).any(|code| TRANSIENT.contains(&code))
}

/// The codes of an error. In a script's error the code is not at the beginning before Redis 7:
/// `ERR Error running script …: @user_script: 12: -OOM command not allowed …`.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    let inner = text.starts_with("ERR Error running script");
    let inside = text.split(' ').filter(move |_| inner).filter_map(|word| word.strip_prefix('-'));
    text.split(' ').take(1).chain(inside)
}

fn begins_with_code(text: &str) -> bool {
    let first = text.split(' ').next().unwrap_or_default();
    first.len() > 1 && first.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_lost(kind: ErrorKind, text: &'static str) -> bool {
        from_client("redis://h", &ClientError::new(kind, text)).is_transient()
    }

    #[test]
    fn not_now_apart_from_no() {
        assert!(is_lost(ErrorKind::IO, "Connection closed."));
        assert!(is_lost(ErrorKind::Timeout, "Request timed out."));
        assert!(is_lost(ErrorKind::Unknown, "Failed to route command."));
        assert!(is_lost(ErrorKind::Unknown, "LOADING Redis is loading the dataset in memory"));
        assert!(is_lost(ErrorKind::Unknown, "READONLY You can't write against a read only replica."));
        assert!(is_lost(
            ErrorKind::Unknown,
            "ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -OOM command not allowed"
        ));
        assert!(!is_lost(ErrorKind::Auth, "WRONGPASS invalid username-password pair or user is disabled."));
        assert!(!is_lost(ErrorKind::Auth, "NOAUTH Authentication required."));
        assert!(!is_lost(
            ErrorKind::Unknown,
            "NOPERM this user has no permissions to run the 'evalsha' command"
        ));
        assert!(!is_lost(ErrorKind::Unknown, "ERR unknown command 'FOO'"));
    }

    #[test]
    fn what_the_system_said_is_readable() {
        let text = r#"Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }"#;
        let error = from_client("redis://h", &ClientError::new(ErrorKind::IO, text));
        assert_eq!(error.to_string(), "connection to redis://h lost: Connection refused");
    }

    #[test]
    fn a_cluster_is_refused_and_says_so() {
        for text in ["MOVED 7365 127.0.0.1:7001", "CROSSSLOT Keys in request don't hash to the same slot"] {
            let error = from_client("redis://h", &ClientError::new(ErrorKind::Cluster, text));
            assert!(!error.is_transient() && error.to_string().contains("Redis Cluster"), "{error}");
        }
        assert!(is_lost(ErrorKind::Cluster, "CLUSTERDOWN The cluster is down"));
    }

    #[test]
    fn a_certificate_does_not_get_better_by_waiting() {
        let text = "Custom { kind: InvalidData, error: InvalidCertificate(UnknownIssuer) }";
        let error = from_client("rediss://h", &ClientError::new(ErrorKind::IO, text));
        assert!(!error.is_transient() && error.to_string().contains("ssl_ca_certs"), "{error}");
    }

    #[test]
    fn a_demoted_master_is_known_also_in_scripts() {
        assert!(is_demoted("READONLY You can't write against a read only replica."));
        assert!(is_demoted(
            "ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write"
        ));
        assert!(!is_demoted("OOM command not allowed"));
        assert!(!is_demoted("ERR -READONLY"));
    }
}
