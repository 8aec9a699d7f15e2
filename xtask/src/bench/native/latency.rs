//! `cargo xtask bench latency`: one task at a time, from `celery-client` to an idle worker of Rust tasks and back.

use std::time::Duration;

use anyhow::{Context, Result};
use celery_oxide_tests::redis::RedisServer;
use celery_oxide_tests::service::Service;
use clap::Args;
use serde::Deserialize;

use super::throughput::{build, example};
use crate::steps::Steps;

#[derive(Debug, Args)]
pub(crate) struct Latency {
    /// How many tasks are sent.
    #[arg(long, default_value_t = 5_000)]
    tasks: usize,
    /// Fail when half of them take 0.5 ms or longer, or one in a hundred 2 ms or longer.
    #[arg(long)]
    check: bool,
}

/// Milliseconds from sending to the result.
#[derive(Debug, Deserialize)]
struct Measured {
    p50: f64,
    p99: f64,
    max: f64,
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn run(command: &Latency, steps: &Steps) -> Result<bool> {
    build(steps, false)?;
    let measured = steps.run("send and await tasks", |_| {
        let redis = RedisServer::start()?;
        let mut worker = example("bench_worker");
        worker.args([redis.url(0), redis.url(1)]);
        let _worker = Service::start(worker)?;
        let mut client = example("latency");
        client.args([redis.url(0), redis.url(1), command.tasks.to_string()]);
        let mut client = Service::start(client)?;
        let text = client.wait_log("its figures", Duration::from_secs(300), |log| {
            log.lines().find(|line| line.starts_with('{')).map(str::to_owned)
        })?;
        serde_json::from_str::<Measured>(&text).with_context(|| format!("no figures: {text}"))
    })?;
    println!(
        "{} tasks, one at a time, send to result: p50 {:.3} ms, p99 {:.3} ms, longest {:.3} ms",
        command.tasks, measured.p50, measured.p99, measured.max
    );
    Ok(!command.check || (measured.p50 < 0.5 && measured.p99 < 2.0))
}
