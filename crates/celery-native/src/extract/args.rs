//! Positional arguments.

use serde::de::DeserializeOwned;

use crate::parameters::Parameters;
use crate::shape::Shape;
use crate::{FromTask, TaskError, TaskRequest};

/// The arguments of a task that may be given by position: a tuple, a struct, or a list for any number of them.
///
/// The fields of a struct may be given by name as well; those of a tuple where they are
/// [named](crate::Definition::parameters). A call that does not fit fails with the `TypeError` that Python would raise.
///
/// ```
/// use celery_native::{Args, TaskError, Tasks};
///
/// async fn add(Args((x, y)): Args<(i64, i64)>) -> Result<i64, TaskError> {
///     Ok(x + y)
/// }
///
/// async fn total(Args(numbers): Args<Vec<f64>>) -> Result<f64, TaskError> {
///     Ok(numbers.iter().sum())
/// }
/// # let _: Tasks = Tasks::new().task("proj.add", add).task("proj.total", total);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Args<T>(pub T);

impl<T: DeserializeOwned, S> FromTask<S> for Args<T> {
    fn describe(parameters: &mut Parameters) {
        parameters.add_positional(Shape::of::<T>());
    }

    fn from_task(task: &mut TaskRequest, _: &S) -> Result<Self, TaskError> {
        task.positional().map(Self)
    }
}
