//! Keyword arguments.

use serde::de::DeserializeOwned;

use crate::parameters::Parameters;
use crate::shape::Shape;
use crate::{FromTask, TaskError, TaskRequest};

/// The arguments of a task that are given by name only: a struct, or a map for any of them.
///
/// `#[serde(default)]` gives a field a default. A name that is no field is a `TypeError`, as in Python.
///
/// ```
/// use celery_native::{Args, Kwargs, TaskError, Tasks};
///
/// #[derive(serde::Deserialize)]
/// struct Options {
///     #[serde(default)]
///     upper: bool,
/// }
///
/// async fn greet(Args((name,)): Args<(String,)>, Kwargs(options): Kwargs<Options>) -> Result<String, TaskError> {
///     Ok(if options.upper { name.to_uppercase() } else { name })
/// }
/// # let _: Tasks = Tasks::new().task("proj.greet", greet);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kwargs<T>(pub T);

impl<T: DeserializeOwned, S> FromTask<S> for Kwargs<T> {
    fn describe(parameters: &mut Parameters) {
        parameters.add_keywords(Shape::of::<T>());
    }

    fn from_task(task: &mut TaskRequest, _: &S) -> Result<Self, TaskError> {
        task.keywords().map(Self)
    }
}
