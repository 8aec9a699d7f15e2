//! `cargo xtask bench publish`: sending tasks, `celery-client` against `delay()` in a loop.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use celery_oxide_tests::paths;
use celery_oxide_tests::redis::RedisServer;
use celery_oxide_tests::venv::Venv;
use clap::Args;
use redis::cmd;
use serde_json::json;

use crate::bench::report::median;
use crate::prepare::prepare;
use crate::prepare::wheel::Profile;
use crate::process;
use crate::steps::{Step, Steps};
use crate::table::Aligned;

#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// How often each is measured, in turn.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// How many tasks `celery-client` sends in a run.
    #[arg(long, default_value_t = 100_000)]
    tasks: usize,
    /// How many tasks stock Celery sends in a run.
    #[arg(long, default_value_t = 100_000)]
    stock_tasks: usize,
    /// Fail when `celery-client` is less than so many times as fast as stock Celery.
    #[arg(long, value_name = "RATIO")]
    at_least: Option<f64>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// The rates of one sender, in tasks per second.
struct Rates {
    name: &'static str,
    tasks: usize,
    rates: Vec<f64>,
}

impl Rates {
    fn median(&self) -> f64 {
        median(self.rates.clone())
    }
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn run(command: &Publish, steps: &Steps) -> Result<bool> {
    let prepared = prepare(steps, Profile::Light)?;
    steps.run("build the example `send_many`", |step| {
        let mut build = Command::new("cargo");
        build.args(["build", "--release", "-p", "celery-client", "--example", "send_many"]);
        process::succeed(step, "send-many", build)
    })?;
    let mut ours = Rates { name: "celery-client", tasks: command.tasks, rates: Vec::new() };
    let mut stock = Rates { name: "stock delay()", tasks: command.stock_tasks, rates: Vec::new() };
    for run in 1..=command.runs {
        let label = |name, tasks| format!("run {run}: {name} ({tasks} tasks)");
        ours.rates.push(steps.run(&label(ours.name, ours.tasks), |step| by_us(step, ours.tasks))?);
        let sent =
            steps.run(&label(stock.name, stock.tasks), |step| by_stock(step, &prepared.venv, stock.tasks))?;
        stock.rates.push(sent);
    }
    let ratio = ours.median() / stock.median();
    if command.json {
        let series =
            [&ours, &stock].map(|one| json!({"name": one.name, "tasks": one.tasks, "rates": one.rates}));
        println!("{}", json!({"series": series, "ratio": ratio}));
    } else {
        let mut table =
            Aligned::new(&["sender", "tasks", "runs", "tasks/s", "lowest", "highest"], &[1, 2, 3, 4, 5]);
        for one in [&ours, &stock] {
            let rates = || one.rates.iter().copied();
            table.row(vec![
                one.name.to_owned(),
                one.tasks.to_string(),
                one.rates.len().to_string(),
                format!("{:.0}", one.median()),
                format!("{:.0}", rates().fold(f64::INFINITY, f64::min)),
                format!("{:.0}", rates().fold(0.0, f64::max)),
            ]);
        }
        table.print();
        println!(
            "CPython {}; medians; `ignore_result`; {ratio:.1} times stock",
            prepared.interpreter.version()
        );
    }
    Ok(command.at_least.is_none_or(|wanted| ratio >= wanted))
}

fn by_us(step: &Step, tasks: usize) -> Result<f64> {
    let redis = RedisServer::start()?;
    let mut send = Command::new(paths::target().join("release/examples/send_many"));
    send.arg(redis.url(0)).arg(tasks.to_string()).arg("bench.publish");
    let output = process::succeed(step, "publish-ours", send)?;
    // "100000 tasks in 1.25 s: 80000 tasks/s"
    let seconds =
        output.rsplit_once(" in ").and_then(|(_, rest)| rest.split_whitespace().next()?.parse::<f64>().ok());
    let seconds = seconds.with_context(|| format!("no time in {output:?}"))?;
    arrived(&redis, tasks)?;
    Ok(tasks as f64 / seconds)
}

fn by_stock(step: &Step, venv: &Venv, tasks: usize) -> Result<f64> {
    let redis = RedisServer::start()?;
    let mut send = venv.command("python");
    send.current_dir(paths::workspace().join("xtask").join("bench"))
        .args(["publish.py", &tasks.to_string()])
        .env("BROKER_URL", redis.url(0))
        .env("RESULT_URL", redis.url(1));
    let output = process::succeed(step, "publish-stock", send)?;
    let seconds: f64 = output.trim().parse().with_context(|| format!("no time in {output:?}"))?;
    arrived(&redis, tasks + 1)?;
    Ok(tasks as f64 / seconds)
}

/// Every task must be in the queue.
fn arrived(redis: &RedisServer, tasks: usize) -> Result<()> {
    let queued: usize = cmd("LLEN").arg("celery").query(&mut redis.connect(0)?)?;
    ensure!(queued == tasks, "{queued} of {tasks} tasks are in the queue");
    Ok(())
}
