//! Asking to be run again.

use std::time::{Duration, SystemTime};

use crate::{Exception, TaskError};

/// A task that asks to be run again, as `self.retry()` in Python: with the same id, its count of retries one higher.
///
/// ```
/// use std::time::Duration;
///
/// use celery_native::{Args, Retry, TaskError};
///
/// async fn fetch(Args((url,)): Args<(String,)>) -> Result<u64, TaskError> {
///     if url.is_empty() {
///         return Err(Retry::after(Duration::from_secs(5)).max_retries(10).into());
///     }
///     Ok(url.len() as u64)
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Retry {
    pub(crate) countdown: Option<Duration>,
    pub(crate) eta: Option<SystemTime>,
    pub(crate) cause: Option<Exception>,
    pub(crate) max_retries: Option<Option<u32>>,
}

impl Retry {
    /// Again after the task's `default_retry_delay`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Again after this long.
    pub fn after(countdown: Duration) -> Self {
        Self { countdown: Some(countdown), ..Self::default() }
    }

    /// Again at this moment.
    pub fn at(eta: SystemTime) -> Self {
        Self { eta: Some(eta), ..Self::default() }
    }

    /// Because of this: stored meanwhile, and what the task fails with when it has no retries left. Without a cause it
    /// fails with `MaxRetriesExceededError` then.
    #[must_use]
    pub fn because(mut self, error: impl Into<TaskError>) -> Self {
        if let crate::task_error::Kind::Fail(exception) = error.into().kind {
            self.cause = Some(exception);
        }
        self
    }

    /// How often at most, instead of the task's `max_retries`.
    #[must_use]
    pub fn max_retries(mut self, max: u32) -> Self {
        self.max_retries = Some(Some(max));
        self
    }

    /// As often as it takes.
    #[must_use]
    pub fn without_end(mut self) -> Self {
        self.max_retries = Some(None);
        self
    }
}

impl From<Retry> for TaskError {
    fn from(retry: Retry) -> Self {
        Self { kind: crate::task_error::Kind::Retry(retry) }
    }
}
