//! What is called around tasks.

use std::fmt;
use std::sync::Arc;

use crate::{Exception, Request, TaskResponse};

type Starting = Arc<dyn Fn(&Request) + Send + Sync>;
type Ended<T> = Arc<dyn Fn(&Request, &T) + Send + Sync>;
type Retried = Arc<dyn Fn(&Request, Option<&Exception>) + Send + Sync>;

/// Functions that are called around each task, on the loop or the thread of the task: they should not block.
///
/// ```
/// use celery_native::Hooks;
///
/// let hooks = Hooks::new()
///     .before_start(|request| println!("{} starts", request.id()))
///     .on_failure(|request, exception| println!("{} failed: {exception}", request.id()));
/// ```
#[derive(Clone, Default)]
pub struct Hooks {
    before_start: Option<Starting>,
    on_success: Option<Ended<TaskResponse>>,
    on_failure: Option<Ended<Exception>>,
    on_retry: Option<Retried>,
}

impl Hooks {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Called before a task is run.
    #[must_use]
    pub fn before_start(mut self, hook: impl Fn(&Request) + Send + Sync + 'static) -> Self {
        self.before_start = Some(Arc::new(hook));
        self
    }

    /// Called when a task has returned a value.
    #[must_use]
    pub fn on_success(mut self, hook: impl Fn(&Request, &TaskResponse) + Send + Sync + 'static) -> Self {
        self.on_success = Some(Arc::new(hook));
        self
    }

    /// Called when a task has failed.
    #[must_use]
    pub fn on_failure(mut self, hook: impl Fn(&Request, &Exception) + Send + Sync + 'static) -> Self {
        self.on_failure = Some(Arc::new(hook));
        self
    }

    /// Called when a task is to be retried, with the cause if it named one.
    #[must_use]
    pub fn on_retry(mut self, hook: impl Fn(&Request, Option<&Exception>) + Send + Sync + 'static) -> Self {
        self.on_retry = Some(Arc::new(hook));
        self
    }

    pub(crate) fn starting(&self, request: &Request) {
        if let Some(hook) = &self.before_start {
            hook(request);
        }
    }

    pub(crate) fn succeeded(&self, request: &Request, response: &TaskResponse) {
        if let Some(hook) = &self.on_success {
            hook(request, response);
        }
    }

    pub(crate) fn failed(&self, request: &Request, exception: &Exception) {
        if let Some(hook) = &self.on_failure {
            hook(request, exception);
        }
    }

    pub(crate) fn retried(&self, request: &Request, cause: Option<&Exception>) {
        if let Some(hook) = &self.on_retry {
            hook(request, cause);
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}
