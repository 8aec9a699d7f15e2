//! From the connection's errors to this crate's.

use celery_valkey::Error as ConnectionError;

use crate::Error;

impl From<ConnectionError> for Error {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Url { url, reason } => Self::Url { url, reason },
            ConnectionError::Option { option, reason } => Self::Option { option, reason },
            ConnectionError::Setting { setting, reason } => Self::Setting { setting, reason },
            ConnectionError::Refused { url, reason } => Self::Refused { url, reason: explained(reason) },
            ConnectionError::Lost { url, reason } => Self::Lost { url, reason },
        }
    }
}

/// Says who may have written a key of another type.
fn explained(reason: String) -> String {
    if reason.contains("WRONGTYPE") {
        format!(
            "{reason}: a key of the broker has another type than kombu gives it. celery-redis-plus and celery-asyncio \
             keep queues and bindings in sorted sets; their producers need another database or global_keyprefix than \
             stock kombu's"
        )
    } else {
        reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_type_names_who_may_have_written_it() {
        let reason = "WRONGTYPE Operation against a key holding the wrong kind of value".to_owned();
        let error = Error::from(ConnectionError::Refused { url: "redis://h".to_owned(), reason });
        assert!(error.to_string().contains("celery-redis-plus"), "{error}");
        assert!(!error.is_transient());
    }
}
