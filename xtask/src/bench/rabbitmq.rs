//! What a RabbitMQ node gives at most, and filling its queues.

use std::process::Command;

use anyhow::{Context, Result};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::rabbitmq::RabbitMq;
use celery_oxide_tests::redis::RedisServer;
use celery_oxide_tests::venv::Venv;
use celery_oxide_tests::{paths, preload};

use crate::bench::measure;
use crate::process;
use crate::steps::{Step, Steps};

/// The prefetch of the bare consumer, as that of the worker that is measured.
const PREFETCH: &str = "4000";

/// Queues `count` messages for `task`, the numbers from zero as their arguments.
pub(crate) fn fill(client: &mut Client, task: &str, count: usize) -> Result<()> {
    client.fill(&[task], count, &preload::task_id(0))
}

/// Builds the bare consumer.
pub(crate) fn build(steps: &Steps) -> Result<()> {
    steps.run("build the example `amqp_ceiling`", |step| {
        let mut build = Command::new("cargo");
        build.args(["build", "--release", "-p", "celery-transport", "--example", "amqp_ceiling"]);
        process::succeed(step, "amqp-ceiling-build", build).map(drop)
    })
}

/// Deliveries a second to a consumer that does nothing but acknowledge them.
pub(crate) fn ceiling(step: &Step, venv: &Venv, task: &str, count: usize) -> Result<f64> {
    let (redis, rabbitmq) = (RedisServer::start()?, RabbitMq::start()?);
    let mut client = Client::start(venv, &measure::folder(), &measure::environment(&rabbitmq.url(), &redis))?;
    fill(&mut client, task, count)?;
    let mut consume = Command::new(paths::target().join("release/examples/amqp_ceiling"));
    // The client library takes the virtual host by its name.
    let url = format!("{}/%2f", rabbitmq.url().trim_end_matches('/'));
    consume.args([&url, "celery", &count.to_string(), PREFETCH]);
    let rate = process::succeed(step, "amqp-ceiling", consume)?;
    rate.trim().parse().with_context(|| format!("no rate in {rate:?}"))
}
