//! `cargo xtask bench throughput`: no-op tasks with results, ours against each of upstream's pools.

use std::path::PathBuf;

use anyhow::Result;
use celery_oxide_tests::worker::Front;
use clap::Args;

use crate::bench::chart;
use crate::bench::measure::{self, Peer};
use crate::bench::rabbitmq;
use crate::bench::report::{self, Series};
use crate::broker::Broker;
use crate::prepare::wheel::Profile;
use crate::prepare::{packages, prepare};
use crate::steps::{self, Step, Steps};

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
    /// Where the messages are.
    #[arg(long, value_enum, default_value_t = Broker::Redis)]
    broker: Broker,
    /// Fail when this worker is less than so many times as fast as the best of upstream's.
    #[arg(long, value_name = "RATIO")]
    at_least: Option<f64>,
    /// Fail when this worker reaches less than this part of what RabbitMQ gives a consumer that does nothing.
    #[arg(long, value_name = "RATIO")]
    of_ceiling: Option<f64>,
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

#[expect(clippy::print_stdout, reason = "the result of the command")]
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
    let on_rabbitmq = command.broker == Broker::Amqp;
    if on_rabbitmq {
        packages::ensure_rabbitmq(steps)?;
        rabbitmq::build(steps)?;
    }
    let mut ceilings = Vec::new();
    // In turn, so that what disturbs the machine for a while disturbs all.
    for run in 1..=command.runs {
        for (peer, series) in peers.iter().zip(&mut series) {
            let label = format!("run {run}: {} ({} tasks)", peer.name, peer.tasks);
            let sample = steps.count(&label, peer.tasks as u64, |step| {
                measure::run(step, &prepared.venv, peer, command.broker)
            })?;
            steps::note(&format!("{:.0} tasks/s", sample.rate));
            series.runs.push(sample);
        }
        if on_rabbitmq {
            let label = format!("run {run}: a bare consumer ({} messages)", command.tasks);
            let bare = |step: &Step| rabbitmq::ceiling(step, &prepared.venv, "tasks.noop", command.tasks);
            let rate = steps.run(&label, bare)?;
            steps::note(&format!("{rate:.0} deliveries/s"));
            ceilings.push(rate);
        }
    }
    let ceiling = report::median(ceilings);
    if command.json {
        report::print_json(&series, &prepared.interpreter.version());
    } else {
        report::print(&series, &prepared.interpreter.version());
        if let Some(part) = report::part_of(&series, ceiling) {
            println!("{ceiling:.0} deliveries/s to a bare consumer; ours has {:.0} % of that", part * 100.0);
        }
    }
    if let Some(path) = &command.chart {
        chart::write(path, &series, &prepared.interpreter.version())?;
    }
    let missed =
        |wanted: Option<f64>, got: Option<f64>| wanted.zip(got).is_some_and(|(wanted, got)| got < wanted);
    let slow = missed(command.at_least, report::ratio(&series));
    Ok(!slow && !missed(command.of_ceiling, report::part_of(&series, ceiling)))
}
