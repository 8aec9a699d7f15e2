//! A worker of Rust tasks, for the end-to-end tests and for Celery's own suite.
//!
//! `BROKER_URL` and `RESULT_URL` say where it works, `-n` how it is called, `-Q` which queues it consumes from, `PERIODIC`
//! which periodic tasks it sends.

mod common;
#[path = "../../../crates/celery-native/examples/own_executor/executor.rs"]
mod executor;
mod integration;
mod periodic;
mod plain;

use std::time::Duration;

use celery_native::{Error, Exit, Worker};

fn main() -> Result<std::process::ExitCode, Error> {
    tracing_subscriber::fmt().with_ansi(false).init();
    let words: Vec<String> = std::env::args().collect();
    let option = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1).cloned()
    };
    let url = |names: [&str; 2]| names.iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    let queues = option("-Q").unwrap_or_else(|| "celery".to_owned());
    let mut worker = Worker::builder()
        .broker(url(["BROKER_URL", "TEST_BROKER"]))
        .results(url(["RESULT_URL", "TEST_BACKEND"]))
        .queues(queues.split(','))
        .tasks(plain::tasks())
        .tasks(integration::tasks())
        .route("tasks.*", "python")
        .concurrency(16)
        .threads(4)
        .configure(|config| {
            config.result_extended = std::env::var_os("RESULT_EXTENDED").is_some();
            config.soft_shutdown_timeout = Duration::ZERO;
        });
    if let Some(name) = option("-n") {
        worker = worker.hostname(name);
    }
    if let Ok(which) = std::env::var("PERIODIC") {
        worker = periodic::timetable(worker, &which)?;
    }
    // Alive until the worker has ended.
    let mut runtime = None;
    if std::env::var_os("OWN_EXECUTOR").is_some() {
        let shared = runtime.insert(tokio::runtime::Runtime::new()?);
        worker = worker.executor(executor::Shared { runtime: shared.handle().clone(), slots: 8 });
    }
    let ended = worker.run_blocking();
    if let Some(runtime) = runtime {
        runtime.shutdown_background();
    }
    Ok(match ended? {
        Exit::Warm => 0.into(),
        Exit::Cold => 1.into(),
    })
}
