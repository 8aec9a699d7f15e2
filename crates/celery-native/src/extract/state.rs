//! What the tasks of a worker share.

use crate::{FromTask, TaskError, TaskRequest};

/// Something that the tasks of a worker share: a pool of connections, settings. Given once, with
/// [`Tasks::with_state`](crate::Tasks::with_state); a handler that asks for another type does not compile.
///
/// ```
/// use std::sync::Arc;
///
/// use celery_native::{State, TaskError, Tasks};
///
/// async fn motto(State(motto): State<Arc<str>>) -> Result<String, TaskError> {
///     Ok(motto.to_string())
/// }
///
/// let tasks: Tasks = Tasks::new().task("proj.motto", motto).with_state(Arc::<str>::from("festina lente"));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State<T>(pub T);

/// A part of the state of a worker.
pub trait FromRef<S> {
    /// The part of `state`.
    fn from_ref(state: &S) -> Self;
}

impl<S: Clone> FromRef<S> for S {
    fn from_ref(state: &S) -> Self {
        state.clone()
    }
}

impl<T: FromRef<S>, S> FromTask<S> for State<T> {
    fn from_task(_: &mut TaskRequest, state: &S) -> Result<Self, TaskError> {
        Ok(Self(T::from_ref(state)))
    }
}
