//! The command line of `cargo xtask campaign`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use celery_oxide_tests::crash::Trouble;
use celery_oxide_tests::faults::Fault;
use celery_oxide_tests::redis;
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::campaign::report::Report;
use crate::campaign::{canvases, crash, drivers, end_to_end, faults, fleet, flower, idle, lease, rolling};
use crate::fuzz::{self, Fuzz};
use crate::neighbours;
use crate::prepare::server::{self, Server};
use crate::prepare::wheel::Profile;
use crate::prepare::{environment, packages};
use crate::record::Record;
use crate::steps::Steps;

#[derive(Debug, Args)]
pub(crate) struct Campaign {
    /// The Pythons to test on: `3.11,3.13`, or `all` that are found.
    #[arg(long, default_value = "all", value_delimiter = ',')]
    pub(crate) python: Vec<String>,
    /// The versions of Celery to test with: `5.7`, `5.4,5.7`, or a range as in `5.4..5.7`.
    #[arg(long, default_value = environment::CELERY)]
    pub(crate) celery: String,
    /// How many seeds to run each with.
    #[arg(long, default_value_t = 1)]
    pub(crate) seeds: u32,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    pub(crate) first_seed: u32,
    /// Run only the tests whose name contains this.
    #[arg(long)]
    pub(crate) filter: Option<String>,
    /// How many minutes each fuzz target runs.
    #[arg(long, value_name = "MINUTES", default_value_t = 10)]
    fuzz_minutes: u64,
    /// Fuzz only these targets.
    #[arg(long, value_name = "TARGET", value_delimiter = ',')]
    fuzz_target: Vec<String>,
    /// How many tasks go through each crash.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) tasks: usize,
    /// Crash only these: `worker`, `server` (and workers), `connections` (and workers).
    #[arg(long, value_delimiter = ',', default_values_t = Trouble::ALL)]
    pub(crate) trouble: Vec<Trouble>,
    /// How long the tasks and ETAs are that outlast their lease.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) minutes: f64,
    /// How many random canvases are run with each seed.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) canvases: usize,
    /// How often each fault comes.
    #[arg(long, default_value_t = 10)]
    pub(crate) rounds: usize,
    /// Only these faults.
    #[arg(long, value_delimiter = ',', default_values_t = Fault::ALL)]
    pub(crate) fault: Vec<Fault>,
    /// By what all times of the mixed fleet are multiplied.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) scale: f64,
    /// How many workers are idle.
    #[arg(long, default_value_t = 50)]
    pub(crate) workers: usize,
    /// The server: `redis` as it is installed, `valkey` from Debian's package, or the path of a program.
    #[arg(long, default_value = "redis")]
    server: Server,
    /// Compile the engine as users get it, except for the end-to-end tests.
    #[arg(long)]
    release: bool,
    /// Do only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Keep the tables in docs/evidence.md, and the pictures in docs/images.
    #[arg(long)]
    pub(crate) record: bool,
}

impl Campaign {
    /// How the engine is compiled.
    pub(crate) fn profile(&self) -> Profile {
        if self.release { Profile::Release } else { Profile::Light }
    }

    /// The seeds.
    pub(crate) fn seeds(&self) -> impl Iterator<Item = u32> + use<> {
        self.first_seed..self.first_seed + self.seeds
    }
}

/// What everything is run on.
pub(crate) struct Ground {
    /// The server.
    pub(crate) program: PathBuf,
    /// What it says it is.
    pub(crate) version: String,
}

/// The parts of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The tests of the drivers.
    Drivers,
    /// The end-to-end tests over Pythons, Celery versions and seeds.
    EndToEnd,
    /// Every decoder of celery-protocol on damaged input.
    Fuzz,
    /// `acks_late` tasks while workers, servers and connections are killed.
    Crash,
    /// The same on RabbitMQ, classic and quorum queues.
    CrashAmqp,
    /// Random canvases, run by the stock worker and by ours.
    Canvases,
    /// What servers and networks do to a worker, one fault at a time.
    Faults,
    /// Tasks and ETAs that outlast their lease and the visibility timeout.
    Lease,
    /// Stock workers and ours on one queue, replaced at random, then stock workers only.
    Fleet,
    /// What idle workers cost the server, and a task among them.
    Idle,
    /// Flower's pages in a browser, and celery-exporter: 500 tasks in all states, then every button.
    Flower,
    /// Workers that are replaced one after the other under load.
    Rolling,
    /// Clients of celery-redis-plus and celery-asyncio.
    Neighbours,
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn run(command: &Campaign, steps: &Steps) -> Result<bool> {
    packages::ensure(steps)?;
    packages::ensure_rabbitmq(steps)?;
    let program = command.server.program(steps)?;
    redis::use_program(&program);
    let ground = Ground { version: server::version(&program)?, program };
    let parts = if command.only.is_empty() { Part::value_variants() } else { &command.only };
    let mut reports = Vec::new();
    for part in parts {
        let report = match part {
            Part::Drivers => drivers::run(&ground, steps)?,
            Part::EndToEnd => end_to_end::run(command, &ground, steps)?,
            Part::Fuzz => {
                let fuzz = Fuzz { targets: &command.fuzz_target, minutes: command.fuzz_minutes };
                let (table, passed, failed) = fuzz::run(fuzz, steps)?;
                Report { passed, failed, ..Report::new("fuzz", table) }
            }
            Part::Crash => crash::run(command, steps)?,
            Part::CrashAmqp => crash::run_amqp(command, steps)?,
            Part::Canvases => canvases::run(command, steps)?,
            Part::Faults => faults::run(command, steps)?,
            Part::Lease => lease::run(command, steps)?,
            Part::Fleet => fleet::run(command, steps)?,
            Part::Idle => idle::run(command, steps)?,
            Part::Flower => flower::run(command, steps)?,
            Part::Rolling => rolling::run(command, steps)?,
            Part::Neighbours => {
                let (table, passed, failed) = neighbours::run(steps)?;
                Report { passed, failed, ..Report::new("neighbours", table) }
            }
        };
        if command.record {
            record(&report, &ground)?;
        }
        reports.push(report);
    }
    let sum = |count: fn(&Report) -> u64| reports.iter().map(count).sum::<u64>();
    let failed = sum(|report| report.failed);
    if command.json {
        let parts = reports.iter().map(|report| {
            json!({"part": report.part, "passed": report.passed, "failed": report.failed, "rows": report.rows})
        });
        println!("{}", json!({"parts": parts.collect::<Vec<_>>(), "failed": failed}));
    } else {
        reports.iter().for_each(|report| report.table.print());
        println!("{} passed, {failed} failed", sum(|report| report.passed));
    }
    Ok(failed == 0)
}

/// Keeps the table of a part in docs/evidence.md, with the command as it was given and the day.
fn record(report: &Report, ground: &Ground) -> Result<()> {
    let output = Command::new("date").args(["-u", "+%F"]).output().context("cannot run date")?;
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--record").collect();
    let when = format!(
        "`cargo xtask {}`, {}, {}:",
        words.join(" "),
        ground.version,
        String::from_utf8_lossy(&output.stdout).trim()
    );
    let mark = format!("campaign {}", report.part);
    let heading = format!("Campaign: {}", report.part);
    let record = Record { file: "docs/evidence.md", mark: &mark, title: "Evidence", heading: &heading };
    record.keep(&format!("{when}\n\n{}", report.table.text()))
}
