//! Asking to be run again.

use std::time::{Duration, SystemTime};

use crate::task_error::Kind;
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
    pub(crate) most: Most,
}

/// How often at most.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Most {
    /// As the task says.
    #[default]
    Default,
    Times(u32),
    Endless,
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
        if let Kind::Fail(exception) = *error.into().kind {
            self.cause = Some(exception);
        }
        self
    }

    /// How often at most, instead of the task's `max_retries`.
    #[must_use]
    pub fn max_retries(mut self, max: u32) -> Self {
        self.most = Most::Times(max);
        self
    }

    /// As often as it takes.
    #[must_use]
    pub fn without_end(mut self) -> Self {
        self.most = Most::Endless;
        self
    }
}

impl From<Retry> for TaskError {
    fn from(retry: Retry) -> Self {
        Self::of(Kind::Retry(retry))
    }
}
