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

/// The error for what `url` (the password hidden) answered, or that it did not.
pub(super) fn from_client(url: &str, error: &ClientError) -> Error {
    let text = error.details();
    let lost = match error.kind() {
        ErrorKind::IO
        | ErrorKind::Timeout
        | ErrorKind::Canceled
        | ErrorKind::Routing
        | ErrorKind::Backpressure
        | ErrorKind::Cluster => true,
        // Replies of the server begin with a code in capitals; the rest is the library's ("Failed to route command.").
        ErrorKind::Unknown => is_transient(text) || !begins_with_code(text),
        _ => is_transient(text),
    };
    if lost {
        Error::Lost { url: url.to_owned(), reason: reason(error) }
    } else {
        refused(url, &reason(error))
    }
}

/// The error for an error text that a script returned.
pub(super) fn from_text(url: &str, text: &str) -> Error {
    if is_transient(text) {
        Error::Lost { url: url.to_owned(), reason: text.to_owned() }
    } else {
        refused(url, text)
    }
}

fn refused(url: &str, text: &str) -> Error {
    let reason = if text.contains("WRONGTYPE") {
        format!(
            "{text}: a key of the broker has another type than kombu gives it. celery-redis-plus and celery-asyncio \
             keep queues and bindings in sorted sets; their producers need another database or global_keyprefix than \
             stock kombu's"
        )
    } else {
        text.to_owned()
    };
    Error::Refused { url: url.to_owned(), reason }
}

fn reason(error: &ClientError) -> String {
    match error.kind() {
        ErrorKind::Timeout => "no reply in time".to_owned(),
        _ => error.details().to_owned(),
    }
}

/// In a script's error the code is not at the beginning before Redis 7:
/// `ERR Error running script …: @user_script: 12: -OOM command not allowed …`.
fn is_transient(text: &str) -> bool {
    let first = text.split(' ').next().unwrap_or_default();
    TRANSIENT.contains(&first)
        || (text.starts_with("ERR Error running script")
            && text
                .split(' ')
                .any(|word| word.strip_prefix('-').is_some_and(|code| TRANSIENT.contains(&code))))
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
    fn another_type_names_who_may_have_written_it() {
        let error =
            from_text("redis://h", "WRONGTYPE Operation against a key holding the wrong kind of value");
        assert!(error.to_string().contains("celery-redis-plus"), "{error}");
        assert!(!error.is_transient());
    }
}
