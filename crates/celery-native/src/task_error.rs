//! What a task returns instead of a value.

use std::error::Error as StdError;
use std::fmt;

use celery_client::{Sendable, Signature};

use crate::{Exception, Retry};

/// What a task returns instead of a value: a failure, a retry, a rejection, or nothing to be told.
///
/// `?` turns any error into a failure that Python sees under the name of the error's type. It is no
/// [`std::error::Error`] itself, for that reason.
///
/// ```
/// use celery_native::{Args, Exception, TaskError};
///
/// async fn parse(Args((text,)): Args<(String,)>) -> Result<i64, TaskError> {
///     if text.is_empty() {
///         return Err(Exception::new("builtins", "ValueError", "nothing to parse").into());
///     }
///     Ok(text.parse()?)
/// }
/// ```
#[derive(Debug)]
pub struct TaskError {
    /// Boxed: it is seldom, and handlers return it by value.
    pub(crate) kind: Box<Kind>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Fail(Exception),
    Retry(Retry),
    Replace(Box<Signature>),
    Reject { requeue: bool, reason: String },
    Ignore,
}

impl TaskError {
    pub(crate) fn of(kind: Kind) -> Self {
        Self { kind: Box::new(kind) }
    }

    /// A plain `Exception` with a text.
    pub fn msg(message: impl fmt::Display) -> Self {
        Exception::new("builtins", "Exception", message.to_string()).into()
    }

    /// A failure of an error that is known as a trait object only.
    pub fn from_boxed(error: Box<dyn StdError + Send + Sync>) -> Self {
        error.into_task_error()
    }

    /// Rejects the message (`celery.exceptions.Reject`). It goes back to its queue with `requeue`; without it the task has
    /// failed for good. Of use for tasks that are acknowledged late.
    pub fn reject(reason: impl Into<String>, requeue: bool) -> Self {
        Self::of(Kind::Reject { requeue, reason: reason.into() })
    }

    /// Has this sent in the place of the task (`self.replace()` of a Python task): its result is that of the task, and
    /// what follows the task follows it.
    pub fn replace(call: impl Sendable) -> Self {
        Self::of(Kind::Replace(Box::new(call.into_signature())))
    }

    /// Ends the task without a result (`celery.exceptions.Ignore`).
    pub fn ignore() -> Self {
        Self::of(Kind::Ignore)
    }

    /// The exception, if it is a failure.
    pub fn exception(&self) -> Option<&Exception> {
        match &*self.kind {
            Kind::Fail(exception) => Some(exception),
            _ => None,
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.kind {
            Kind::Fail(exception) => exception.fmt(f),
            Kind::Retry(_) => f.write_str("Retry"),
            // celery/exceptions.py: Reject.__repr__
            Kind::Reject { requeue, reason } => {
                let requeue = if *requeue { "True" } else { "False" };
                write!(f, "reject requeue={requeue}: {reason}")
            }
            Kind::Replace(_) => f.write_str("Replaced by new task"),
            Kind::Ignore => f.write_str("Ignore"),
        }
    }
}

impl From<Exception> for TaskError {
    fn from(exception: Exception) -> Self {
        Self::of(Kind::Fail(exception))
    }
}

impl<E: StdError> From<E> for TaskError {
    fn from(error: E) -> Self {
        Exception::from_error(&error).into()
    }
}

/// The errors of the services that may stand around a task: a [`TaskError`], or a boxed one as tower's own give.
pub trait IntoTaskError {
    /// The error as the task returns it.
    fn into_task_error(self) -> TaskError;
}

impl IntoTaskError for TaskError {
    fn into_task_error(self) -> TaskError {
        self
    }
}

/// A [`TaskError`] on its way through a service that boxes errors.
#[derive(Debug)]
struct Carried(TaskError);

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Carried {}

impl From<TaskError> for Box<dyn StdError + Send + Sync> {
    fn from(error: TaskError) -> Self {
        Box::new(Carried(error))
    }
}

impl IntoTaskError for Box<dyn StdError + Send + Sync> {
    fn into_task_error(self) -> TaskError {
        match self.downcast::<Carried>() {
            Ok(carried) => carried.0,
            Err(error) => Exception::boxed(&*error).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_boxes_errors_does_not_change_them() {
        let boxed: Box<dyn StdError + Send + Sync> = TaskError::reject("late", true).into();
        assert_eq!(boxed.into_task_error().to_string(), "reject requeue=True: late");
        let foreign: Box<dyn StdError + Send + Sync> = "timed out".into();
        assert!(foreign.into_task_error().to_string().ends_with("('timed out')"));
    }
}
