//! How a command fails, and with which exit code.

use std::io;

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was asked for cannot be: the user has to write something else. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The broker, or the workers, are not there. Exit code 69 (`EX_UNAVAILABLE`), as upstream's.
    #[error("{0}")]
    Unavailable(String),
    /// Anything else. Exit code 1.
    #[error("{0}")]
    Failed(String),
    /// The user has ended it. Exit code 130, as of a program that a SIGINT ends.
    #[error("interrupted")]
    Interrupted,
    /// Standard output cannot be written.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// The exit code.
    pub(crate) fn code(&self) -> i32 {
        match self {
            Self::Usage(_) => 2,
            Self::Unavailable(_) => 69,
            Self::Interrupted => 130,
            // Whoever read it has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Failed(_) | Self::Output(_) => 1,
        }
    }

    /// What is said to the user; nothing where there is nothing to say.
    pub(crate) fn message(&self) -> Option<String> {
        match self {
            Self::Interrupted => None,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => None,
            other => Some(other.to_string()),
        }
    }
}

impl From<celery_transport::Error> for Failure {
    fn from(error: celery_transport::Error) -> Self {
        use celery_transport::Error;
        match error {
            Error::Lost { url, reason } => {
                Self::Unavailable(format!("the broker at {url} cannot be reached: {reason}"))
            }
            Error::Refused { .. } => Self::Unavailable(format!("broker: {error}")),
            _ => Self::Usage(error.to_string()),
        }
    }
}

impl From<celery_results::Error> for Failure {
    fn from(error: celery_results::Error) -> Self {
        use celery_results::Error;
        match error {
            Error::Lost { url, reason } => {
                Self::Unavailable(format!("the result backend at {url} cannot be reached: {reason}"))
            }
            Error::Refused { .. } => Self::Unavailable(format!("result backend: {error}")),
            _ => Self::Usage(error.to_string()),
        }
    }
}

impl From<celery_client::Error> for Failure {
    fn from(error: celery_client::Error) -> Self {
        match error {
            celery_client::Error::Broker(error) => error.into(),
            celery_client::Error::Results(error) => error.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<celery_protocol::Error> for Failure {
    fn from(error: celery_protocol::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes() {
        let lost = celery_transport::Error::Lost { url: "redis://h/0".to_owned(), reason: "no".to_owned() };
        let lost = Failure::from(lost);
        assert_eq!(lost.message().as_deref(), Some("the broker at redis://h/0 cannot be reached: no"));
        let url = celery_transport::Error::Url { url: "x".to_owned(), reason: "y".to_owned() };
        let broken = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        let codes = [lost.code(), Failure::from(url).code(), broken.code(), Failure::Interrupted.code()];
        assert_eq!((codes, broken.message()), ([69, 2, 0, 130], None));
    }
}
