//! `cargo xtask bench native`: Rust tasks that do nothing, all queued before the worker starts.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use celery_oxide_tests::paths;
use celery_oxide_tests::redis::RedisServer;
use celery_oxide_tests::service::Service;
use clap::Args;
use redis::cmd;

use super::{ceiling, queue};
use crate::bench::report::median;
use crate::process;
use crate::steps::{Step, Steps};
use crate::table::Aligned;

#[derive(Debug, Args)]
pub(crate) struct Native {
    /// How often each is measured, in turn.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Tasks in each run of this worker.
    #[arg(long, default_value_t = 200_000)]
    tasks: usize,
    /// Tasks in each run of rusty-celery; 0 leaves it out.
    #[arg(long, default_value_t = 20_000)]
    rusty_tasks: usize,
    /// Fail when the rate with results is less than half of the broker's ceiling, or that without less than five times
    /// rusty-celery's.
    #[arg(long)]
    check: bool,
}

/// The rates of one row, in tasks per second.
struct Rates {
    name: &'static str,
    tasks: usize,
    rates: Vec<f64>,
}

impl Rates {
    fn new(name: &'static str, tasks: usize) -> Self {
        Self { name, tasks, rates: Vec::new() }
    }

    fn median(&self) -> f64 {
        median(self.rates.clone())
    }
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn run(command: &Native, steps: &Steps) -> Result<bool> {
    build(steps, command.rusty_tasks > 0)?;
    let mut ceiling = Rates::new("ceiling of the broker", command.tasks);
    let mut with = Rates::new("with results", command.tasks);
    let mut without = Rates::new("without results", command.tasks);
    let mut rusty = Rates::new("rusty-celery, without results", command.rusty_tasks);
    for run in 1..=command.runs {
        let label = |what: &str| format!("run {run}: {what}");
        ceiling.rates.push(steps.run(&label(ceiling.name), |_| ceiling::measure(command.tasks))?);
        with.rates
            .push(steps.count(&label(with.name), with.tasks as u64, |step| ours(step, with.tasks, true))?);
        let measured = steps
            .count(&label(without.name), without.tasks as u64, |step| ours(step, without.tasks, false))?;
        without.rates.push(measured);
        if command.rusty_tasks > 0 {
            let measured =
                steps.count(&label(rusty.name), rusty.tasks as u64, |step| theirs(step, rusty.tasks))?;
            rusty.rates.push(measured);
        }
    }
    let mut table = Aligned::new(&["", "tasks", "runs", "tasks/s", "lowest", "highest"], &[1, 2, 3, 4, 5]);
    for row in [&ceiling, &with, &without, &rusty].into_iter().filter(|row| !row.rates.is_empty()) {
        table.row(vec![
            row.name.to_owned(),
            row.tasks.to_string(),
            row.rates.len().to_string(),
            format!("{:.0}", row.median()),
            format!("{:.0}", row.rates.iter().copied().fold(f64::INFINITY, f64::min)),
            format!("{:.0}", row.rates.iter().copied().fold(0.0, f64::max)),
        ]);
    }
    table.print();
    let of_ceiling = with.median() / ceiling.median();
    println!("with results, {:.0} % of the broker's ceiling", of_ceiling * 100.0);
    let mut holds = of_ceiling >= 0.5;
    if !rusty.rates.is_empty() {
        let ratio = without.median() / rusty.median();
        println!("without results, {ratio:.1} times rusty-celery");
        holds &= ratio >= 5.0;
    }
    Ok(holds || !command.check)
}

/// Builds what is measured.
pub(crate) fn build(steps: &Steps, with_rusty: bool) -> Result<()> {
    steps.run("build the examples of celery-native", |step| {
        let mut build = Command::new("cargo");
        build.args([
            "build",
            "--release",
            "-p",
            "celery-native",
            "--example",
            "bench_worker",
            "--example",
            "latency",
        ]);
        process::succeed(step, "bench-worker", build)
    })?;
    if with_rusty {
        steps.run("build rusty-celery", |step| {
            let mut build = Command::new("cargo");
            build.args(["build", "--release", "--target-dir"]).arg(rusty_target());
            build.current_dir(paths::workspace().join("xtask").join("bench").join("rusty-celery"));
            process::succeed(step, "rusty-celery", build)
        })?;
    }
    Ok(())
}

fn rusty_target() -> PathBuf {
    paths::target().join("rusty-celery")
}

/// A program of the examples of celery-native.
pub(crate) fn example(name: &str) -> Command {
    Command::new(paths::target().join("release").join("examples").join(name))
}

fn ours(step: &Step, tasks: usize, with_results: bool) -> Result<f64> {
    let redis = RedisServer::start()?;
    queue::fill(&redis, tasks)?;
    let mut command = example("bench_worker");
    command.arg(redis.url(0));
    if with_results {
        command.arg(redis.url(1));
    }
    let mut worker = Service::start(command)?;
    if with_results {
        let mut results = redis.connect(1)?;
        return queue::watch(step, &mut worker, tasks, || Ok(cmd("DBSIZE").query(&mut results)?));
    }
    let gone = queue::gone(&redis, queue::QUEUE, tasks)?;
    queue::watch(step, &mut worker, tasks, gone)
}

fn theirs(step: &Step, tasks: usize) -> Result<f64> {
    let redis = RedisServer::start()?;
    let program = rusty_target().join("release").join("rusty-celery-bench");
    let mut send = Command::new(&program);
    send.args(["send", &redis.url(0), &tasks.to_string()]);
    process::succeed(step, "rusty-celery-send", send)?;
    let mut work = Command::new(&program);
    work.args(["work", &redis.url(0)]);
    let mut worker = Service::start(work)?;
    let gone = queue::gone(&redis, "rusty", tasks)?;
    queue::watch(step, &mut worker, tasks, gone)
}
