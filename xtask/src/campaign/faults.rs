//! What servers and networks do to a worker, each fault again and again.

use std::time::Duration;

use anyhow::Result;
use celery_oxide_tests::faults::{self, Fault, Outcome, Pace};
use serde_json::json;

use crate::campaign::command::Campaign;
use crate::campaign::report::Report;
use crate::prepare::prepare;
use crate::process;
use crate::steps::{self, Steps};
use crate::table::Aligned;

/// How long a fault lasts, and how long the tasks run that begin before it.
const DOWN: Duration = Duration::from_secs(6);
const THROUGH: Duration = Duration::from_secs(3);

/// The same for half-open connections: until they are given up it takes 15 seconds.
const SILENT: Duration = Duration::from_secs(20);

const HEADER: [&str; 10] = [
    "fault",
    "rounds",
    "back p50 s",
    "back max s",
    "CPU max %",
    "missing",
    "doubled",
    "no result",
    "said again",
    "result",
];

pub(crate) fn run(command: &Campaign, steps: &Steps) -> Result<Report> {
    let prepared = prepare(steps, command.profile())?;
    let right: Vec<usize> = (1..HEADER.len() - 1).collect();
    let mut report = Report::new("faults", Aligned::new(&HEADER, &right));
    for &fault in &command.fault {
        let down = if fault == Fault::HalfOpen { SILENT } else { DOWN };
        let pace = Pace { down, through: THROUGH, socket_timeout: None };
        let folder = process::folder().join("faults").join(fault.to_string());
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let outcome = steps.count(&format!("fault {fault}"), command.rounds as u64, |step| {
            let outcome = faults::run(&prepared.venv, fault, command.rounds, pace, &folder, &|round| {
                step.position(round as u64);
                step.at(&format!("round {}", round + 1));
            });
            if !outcome
                .as_ref()
                .is_ok_and(|outcome| outcome.is_good() && outcome.is_soon() && outcome.is_cheap())
            {
                step.spoil();
            }
            Ok(outcome)
        })?;
        match outcome {
            Ok(outcome) => add(&mut report, fault, &outcome),
            Err(error) => {
                steps::note(&format!("{error:#}"));
                report.broken(&fault.to_string(), HEADER.len());
            }
        }
    }
    Ok(report)
}

fn add(report: &mut Report, fault: Fault, outcome: &Outcome) {
    let mut back: Vec<f64> = outcome.rounds.iter().map(|round| round.back).collect();
    back.sort_by(f64::total_cmp);
    let cpu = outcome.rounds.iter().filter_map(|round| round.cpu).reduce(f64::max);
    let repeated: Vec<&String> = outcome.rounds.iter().flat_map(|round| &round.repeated).collect();
    repeated.iter().take(5).for_each(|line| steps::note(line));
    let good = outcome.is_good() && outcome.is_soon() && outcome.is_cheap();
    let cells = vec![
        fault.to_string(),
        outcome.rounds.len().to_string(),
        format!("{:.2}", back[back.len() / 2]),
        format!("{:.2}", back[back.len() - 1]),
        cpu.map_or_else(|| "-".to_owned(), |cpu| format!("{:.1}", cpu * 100.0)),
        outcome.missing.to_string(),
        outcome.doubled.to_string(),
        outcome.without_result.to_string(),
        repeated.len().to_string(),
        if good { "ok" } else { "bad" }.to_owned(),
    ];
    let row = json!({
        "fault": fault.to_string(), "rounds": outcome.rounds.len(), "back": back, "cpu": cpu,
        "missing": outcome.missing, "doubled": outcome.doubled, "without_result": outcome.without_result,
        "left": outcome.left, "said_again": repeated, "good": good,
    });
    report.check(cells, row, good);
}
