//! `cargo xtask bench events`: what events of tasks cost, and that a monitor gets them.

use anyhow::{Result, ensure};
use celery_oxide_tests::worker::Front;
use clap::Args;

use crate::bench::measure::{self, Peer};
use crate::bench::monitor;
use crate::bench::report::{self, Series};
use crate::prepare::prepare;
use crate::prepare::wheel::Profile;
use crate::steps::{self, Steps};

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// How often each is measured, in turn.
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Tasks in each run.
    #[arg(long, default_value_t = 50_000)]
    tasks: usize,
    /// Fail when the rate with events is less than this part of that without: 0.7.
    #[arg(long, value_name = "RATIO")]
    at_least: Option<f64>,
}

const OFF: &[&str] = &["--loop-workers=1", "--loop-concurrency=1000", "--sync-workers=1"];
const ON: &[&str] = &["--loop-workers=1", "--loop-concurrency=1000", "--sync-workers=1", "-E"];

/// Events of one task: received, started, succeeded.
const EVENTS_PER_TASK: u64 = 3;

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn run(command: &Events, steps: &Steps) -> Result<bool> {
    let prepared = prepare(steps, Profile::Release)?;
    let peer = |name, options| Peer {
        name,
        front: Front::WorkerCli,
        options,
        task: "tasks.noop",
        tasks: command.tasks,
    };
    let peers = [peer("events off", OFF), peer("events on", ON)];
    let mut series = peers.each_ref().map(|peer| Series {
        name: peer.name,
        tasks: peer.tasks,
        stock: false,
        runs: Vec::new(),
    });
    for run in 1..=command.runs {
        for (peer, series) in peers.iter().zip(&mut series) {
            let label = format!("run {run}: {} ({} tasks)", peer.name, peer.tasks);
            let (sample, seen) = steps.count(&label, peer.tasks as u64, |step| {
                measure::run_watched(step, &prepared.venv, peer, monitor::count)
            })?;
            let expected = if peer.options == ON { EVENTS_PER_TASK * peer.tasks as u64 } else { 0 };
            ensure!(seen == expected, "a monitor saw {seen} events of tasks, not {expected}");
            steps::note(&format!("{:.0} tasks/s, {seen} events seen", sample.rate));
            series.runs.push(sample);
        }
    }
    report::print(&series, &prepared.interpreter.version());
    let [off, on] = series.each_ref().map(Series::rate);
    let ratio = on / off;
    println!("with events on, {:.0} % of the rate with events off", ratio * 100.0);
    Ok(command.at_least.is_none_or(|wanted| ratio >= wanted))
}
