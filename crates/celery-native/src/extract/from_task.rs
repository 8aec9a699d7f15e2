//! The trait of all extractors.

use crate::parameters::Parameters;
use crate::{Request, TaskError, TaskRequest};

/// What a handler can take as a parameter: something that is made from the call and from the state `S` of the worker.
///
/// ```
/// use celery_native::{FromTask, TaskError, TaskRequest};
///
/// /// The tenant that a header names.
/// struct Tenant(String);
///
/// impl<S> FromTask<S> for Tenant {
///     fn from_task(task: &mut TaskRequest, _: &S) -> Result<Self, TaskError> {
///         let tenant = task.request().header("tenant");
///         tenant.map(Tenant).ok_or_else(|| TaskError::msg("the header `tenant` is missing"))
///     }
/// }
///
/// async fn report(Tenant(tenant): Tenant) -> Result<String, TaskError> {
///     Ok(tenant)
/// }
/// # let _ = celery_native::task::<_, ()>("proj.report", report);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something that a task with the state `{S}` can take",
    label = "not an extractor",
    note = "a task takes `Args<(…)>`, `Kwargs<…>`, `Request`, `State<…>`, or a type of yours that is `FromTask`"
)]
pub trait FromTask<S>: Sized {
    /// Says which arguments it takes. Most extractors take none.
    fn describe(parameters: &mut Parameters) {
        let _ = parameters;
    }

    /// Makes it.
    ///
    /// # Errors
    ///
    /// What the task fails with instead of being run.
    fn from_task(task: &mut TaskRequest, state: &S) -> Result<Self, TaskError>;
}

impl<S> FromTask<S> for Request {
    fn from_task(task: &mut TaskRequest, _: &S) -> Result<Self, TaskError> {
        Ok(task.request().clone())
    }
}
