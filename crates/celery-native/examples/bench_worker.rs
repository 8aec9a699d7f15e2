//! What `cargo xtask bench native` and `latency` measure: a worker of a task that does nothing.
//!
//! `bench_worker BROKER [RESULTS]`

use celery_native::{Error, TaskError, Tasks, Worker};

async fn noop() -> Result<(), TaskError> {
    Ok(())
}

fn main() -> Result<(), Error> {
    let mut urls = std::env::args().skip(1);
    let broker = urls.next().unwrap_or_else(|| "redis://localhost/0".to_owned());
    let mut worker = Worker::builder()
        .broker(broker)
        .tasks(Tasks::new().task("bench.noop", noop))
        .concurrency(256)
        .configure(|config| {
            config.mingle = false;
            config.gossip = false;
            config.log_values = false;
        });
    if let Some(results) = urls.next() {
        worker = worker.results(results);
    }
    worker.run_blocking()?;
    Ok(())
}
