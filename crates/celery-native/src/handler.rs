//! Functions as tasks.

use std::future::{Ready, ready};

use futures_util::future::{BoxFuture, FutureExt};

use crate::parameters::Parameters;
use crate::{FromTask, IntoTaskResponse, TaskError, TaskRequest, TaskResponse};

/// A function that can be a task: its parameters are [extractors](FromTask), and it returns a `Result`. `M` is made up by
/// the compiler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function that can be a task",
    note = "a task is an `async fn` whose parameters are extractors (`Args`, `Kwargs`, `Request`, `State`) and that returns a `Result`; one that blocks is registered with `blocking`"
)]
pub trait Handler<M, S>: Clone + Send + Sync + 'static {
    /// What it takes.
    fn parameters() -> Parameters;

    /// Calls it.
    fn call(&self, task: TaskRequest, state: &S) -> BoxFuture<'static, Result<TaskResponse, TaskError>>;
}

/// A function that blocks and can be a task: as [`Handler`], but no `async fn`.
pub trait BlockingHandler<M, S>: Clone + Send + Sync + 'static {
    /// What it takes.
    fn parameters() -> Parameters;

    /// Calls it, on this thread.
    ///
    /// # Errors
    ///
    /// What it returns instead of a value.
    fn call(&self, task: TaskRequest, state: &S) -> Result<TaskResponse, TaskError>;
}

/// A response that is there already.
pub(crate) fn at_once(
    response: Result<TaskResponse, TaskError>,
) -> BoxFuture<'static, Result<TaskResponse, TaskError>> {
    let response: Ready<_> = ready(response);
    response.boxed()
}

macro_rules! functions {
    ($($extractor:ident),*) => {
        impl<F, Fut, R, S, $($extractor,)*> Handler<(Fut, $($extractor,)*), S> for F
        where
            F: Fn($($extractor),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoTaskResponse,
            $($extractor: FromTask<S>,)*
        {
            fn parameters() -> Parameters {
                #[allow(unused_mut, reason = "there may be no extractors")]
                let mut parameters = Parameters::default();
                $($extractor::describe(&mut parameters);)*
                parameters
            }

            #[allow(non_snake_case, unused_variables, reason = "extractors are named as their types")]
            fn call(
                &self,
                mut task: TaskRequest,
                state: &S,
            ) -> BoxFuture<'static, Result<TaskResponse, TaskError>> {
                $(
                    let $extractor = match $extractor::from_task(&mut task, state) {
                        Ok(extracted) => extracted,
                        Err(error) => return at_once(Err(error)),
                    };
                )*
                if let Err(error) = task.check_all_taken() {
                    return at_once(Err(error));
                }
                drop(task);
                let running = self($($extractor),*);
                async move { running.await.into_task_response() }.boxed()
            }
        }

        impl<F, R, S, $($extractor,)*> BlockingHandler<(R, $($extractor,)*), S> for F
        where
            F: Fn($($extractor),*) -> R + Clone + Send + Sync + 'static,
            R: IntoTaskResponse,
            $($extractor: FromTask<S>,)*
        {
            fn parameters() -> Parameters {
                #[allow(unused_mut, reason = "there may be no extractors")]
                let mut parameters = Parameters::default();
                $($extractor::describe(&mut parameters);)*
                parameters
            }

            #[allow(non_snake_case, unused_variables, reason = "extractors are named as their types")]
            fn call(&self, mut task: TaskRequest, state: &S) -> Result<TaskResponse, TaskError> {
                $(let $extractor = $extractor::from_task(&mut task, state)?;)*
                task.check_all_taken()?;
                drop(task);
                self($($extractor),*).into_task_response()
            }
        }
    };
}

functions!();
functions!(A);
functions!(A, B);
functions!(A, B, C);
functions!(A, B, C, D);
functions!(A, B, C, D, E);
functions!(A, B, C, D, E, G);
functions!(A, B, C, D, E, G, H);
functions!(A, B, C, D, E, G, H, I);
