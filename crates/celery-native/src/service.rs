//! Tasks as services of tower.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, FutureExt};
use tower_service::Service;

use crate::{IntoTaskError, TaskError, TaskRequest, TaskResponse};

type Running = BoxFuture<'static, Result<TaskResponse, TaskError>>;

/// A task as a service: what [layers](crate::Tasks::layer) are put around.
#[derive(Clone)]
pub struct TaskService(Arc<dyn Fn(TaskRequest) -> Running + Send + Sync>);

impl TaskService {
    pub(crate) fn new(call: impl Fn(TaskRequest) -> Running + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }

    /// Another service in the place of a task. Each call has a clone of it.
    pub(crate) fn around<T>(service: T) -> Self
    where
        T: Service<TaskRequest, Response = TaskResponse> + Clone + Send + Sync + 'static,
        T::Error: IntoTaskError,
        T::Future: Send,
    {
        Self::new(move |task| {
            let mut service = service.clone();
            async move {
                let ready = poll_fn(|context| service.poll_ready(context)).await;
                ready.map_err(IntoTaskError::into_task_error)?;
                service.call(task).await.map_err(IntoTaskError::into_task_error)
            }
            .boxed()
        })
    }

    pub(crate) fn run(&self, task: TaskRequest) -> Running {
        (self.0)(task)
    }
}

impl fmt::Debug for TaskService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskService")
    }
}

impl Service<TaskRequest> for TaskService {
    type Response = TaskResponse;
    type Error = TaskError;
    type Future = Running;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TaskError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: TaskRequest) -> Running {
        self.run(task)
    }
}
