//! `cargo xtask bench throughput`: no-op tasks with results, ours against each of upstream's pools.

use std::path::PathBuf;

use anyhow::Result;
use celery_oxide_tests::worker::Front;
use clap::Args;

use crate::bench::chart;
use crate::bench::measure::{self, Peer};
use crate::bench::report::{self, Series};
use crate::prepare::prepare;
use crate::prepare::wheel::Profile;
use crate::steps::{self, Steps};

#[derive(Debug, Args)]
pub(crate) struct Throughput {
    /// How often each worker is measured, in turn.
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Tasks for this worker.
    #[arg(long, default_value_t = 50_000)]
    tasks: usize,
    /// Tasks for each of upstream's; fewer, since they need longer for each.
    #[arg(long, default_value_t = 5_000)]
    stock_tasks: usize,
    /// Measure only these workers.
    #[arg(long, value_delimiter = ',', value_parser = ["ours", "prefork", "threads", "solo"])]
    only: Vec<String>,
    /// Fail when this worker is less than so many times as fast as the best of upstream's.
    #[arg(long, value_name = "RATIO")]
    at_least: Option<f64>,
    /// Draw the picture of the README: `--chart docs/throughput.svg`.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

impl Throughput {
    fn peers(&self) -> Vec<Peer> {
        let stock = |name, options| Peer {
            name,
            front: Front::Stock,
            options,
            task: "tasks.noop_sync",
            tasks: self.stock_tasks,
        };
        let ours = Peer {
            name: "ours",
            front: Front::WorkerCli,
            options: &["--loop-workers=1", "--loop-concurrency=1000", "--sync-workers=1"],
            task: "tasks.noop",
            tasks: self.tasks,
        };
        let all = [
            ours,
            stock("prefork", &["-P", "prefork", "-c", "2"]),
            stock("threads", &["-P", "threads", "-c", "10"]),
            stock("solo", &["-P", "solo"]),
        ];
        let wanted = |peer: &Peer| self.only.is_empty() || self.only.iter().any(|name| name == peer.name);
        all.into_iter().filter(wanted).collect()
    }
}

pub(crate) fn run(command: &Throughput, steps: &Steps) -> Result<bool> {
    let prepared = prepare(steps, Profile::Release)?;
    let peers = command.peers();
    let mut series: Vec<Series> = peers
        .iter()
        .map(|peer| Series {
            name: peer.name,
            tasks: peer.tasks,
            stock: peer.front == Front::Stock,
            runs: Vec::new(),
        })
        .collect();
    // In turn, so that what disturbs the machine for a while disturbs all.
    for run in 1..=command.runs {
        for (peer, series) in peers.iter().zip(&mut series) {
            let label = format!("run {run}: {} ({} tasks)", peer.name, peer.tasks);
            let sample =
                steps.count(&label, peer.tasks as u64, |step| measure::run(step, &prepared.venv, peer))?;
            steps::note(&format!("{:.0} tasks/s", sample.rate));
            series.runs.push(sample);
        }
    }
    if command.json {
        report::print_json(&series, &prepared.interpreter.version());
    } else {
        report::print(&series, &prepared.interpreter.version());
    }
    if let Some(path) = &command.chart {
        chart::write(path, &series, &prepared.interpreter.version())?;
    }
    let missed = command.at_least.zip(report::ratio(&series)).is_some_and(|(wanted, ratio)| ratio < wanted);
    Ok(!missed)
}
