//! A worker of Rust tasks, which any Celery client can call:
//!
//! ```sh
//! cargo run --example worker &
//! python -c "from celery import Celery
//! app = Celery(broker='redis://localhost', backend='redis://localhost')
//! print(app.send_task('proj.add', (2, 3)).get(timeout=10))"
//! ```

use celery_native::{Args, Error, TaskError, Tasks, Worker};

async fn add(Args((x, y)): Args<(i64, i64)>) -> Result<i64, TaskError> {
    Ok(x + y)
}

fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().init();
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://localhost/0".to_owned());
    Worker::builder()
        .broker(&url)
        .results(&url)
        .tasks(Tasks::new().task("proj.add", add))
        .banner()
        .run_blocking()?;
    Ok(())
}
