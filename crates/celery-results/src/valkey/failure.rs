//! From the connection's errors to this crate's.

use celery_valkey::Error as ConnectionError;

use crate::Error;

impl From<ConnectionError> for Error {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Url { url, reason } => Self::Url { url, reason },
            ConnectionError::Option { option, reason } => Self::Option { option, reason },
            ConnectionError::Setting { setting, reason } => Self::Setting { setting, reason },
            ConnectionError::Refused { url, reason } => Self::Refused { url, reason },
            ConnectionError::Lost { url, reason } => Self::Lost { url, reason },
        }
    }
}
