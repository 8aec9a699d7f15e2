//! A worker with an executor of its own: the tasks share a runtime with the rest of the program.

mod executor;

use celery_native::{Args, Error, TaskError, Tasks, Worker};
use executor::Shared;
use tokio::runtime::Handle;

async fn add(Args((x, y)): Args<(i64, i64)>) -> Result<i64, TaskError> {
    Ok(x + y)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://localhost/0".to_owned());
    Worker::builder()
        .broker(&url)
        .results(&url)
        .tasks(Tasks::new().task("proj.add", add))
        .executor(Shared { runtime: Handle::current(), slots: 50 })
        .run()
        .await?;
    Ok(())
}
