//! The tasks of a worker.

use std::sync::Arc;

use tower_layer::Layer;
use tower_service::Service;

use crate::service::TaskService;
use crate::{BlockingHandler, Definition, Handler, IntoTaskError, TaskRequest, TaskResponse, blocking, task};

/// The tasks of a worker. `S` is the state that they ask for and that is still to be given.
///
/// ```
/// use celery_native::{Args, TaskError, Tasks};
///
/// async fn add(Args((x, y)): Args<(i64, i64)>) -> Result<i64, TaskError> {
///     Ok(x + y)
/// }
///
/// let tasks: Tasks = Tasks::new().task("proj.add", add);
/// assert_eq!(tasks.names().collect::<Vec<_>>(), ["proj.add"]);
/// ```
#[derive(Debug)]
#[must_use = "tasks do nothing until a worker has them"]
pub struct Tasks<S = ()> {
    definitions: Vec<Definition<S>>,
}

/// What the attribute `#[task]` makes of a function: a task to be [registered](Tasks::register).
pub trait Registrable<S> {
    /// The task.
    fn definition() -> Definition<S>;
}

impl<S> Default for Tasks<S> {
    fn default() -> Self {
        Self { definitions: Vec::new() }
    }
}

impl<S: Clone + Send + Sync + 'static> Tasks<S> {
    /// No tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an `async fn` under a name.
    pub fn task<M>(self, name: impl Into<Arc<str>>, handler: impl Handler<M, S>) -> Self {
        self.add(task(name, handler))
    }

    /// Adds a function that blocks under a name.
    pub fn blocking<M>(self, name: impl Into<Arc<str>>, handler: impl BlockingHandler<M, S>) -> Self {
        self.add(blocking(name, handler))
    }

    /// Adds a task with options.
    #[expect(clippy::should_implement_trait, reason = "nothing is summed up")]
    pub fn add(mut self, definition: Definition<S>) -> Self {
        self.definitions.push(definition);
        self
    }

    /// Adds a function with the attribute `#[task]`, by its name.
    pub fn register<T: Registrable<S>>(self) -> Self {
        self.add(T::definition())
    }

    /// Adds all of `others`.
    pub fn merge(mut self, others: Self) -> Self {
        self.definitions.extend(others.definitions);
        self
    }

    /// Puts a layer around each task that was added so far: the last one is the outermost.
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<TaskService> + Clone + Send + 'static,
        L::Service: Service<TaskRequest, Response = TaskResponse> + Clone + Send + Sync + 'static,
        <L::Service as Service<TaskRequest>>::Error: IntoTaskError,
        <L::Service as Service<TaskRequest>>::Future: Send,
    {
        let definitions = self.definitions.into_iter();
        Self { definitions: definitions.map(|definition| definition.layer(layer.clone())).collect() }
    }

    /// Gives the tasks their state.
    pub fn with_state<S2>(self, state: S) -> Tasks<S2> {
        let definitions = self.definitions.into_iter();
        Tasks { definitions: definitions.map(|definition| definition.with_state(state.clone())).collect() }
    }

    /// The names of the tasks, in the order in which they were added.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.definitions.iter().map(Definition::name)
    }
}

impl Tasks<()> {
    pub(crate) fn into_definitions(self) -> Vec<Definition<()>> {
        self.definitions
    }
}
