//! Crashes: 20,000 `acks_late` tasks while workers, the server or connections are killed, on Redis and on RabbitMQ.

use anyhow::Result;
use celery_oxide_tests::crash::{self, Broker, Crash, Outcome};
use celery_oxide_tests::venv::Venv;
use serde_json::{Value, json};

use crate::campaign::command::Campaign;
use crate::campaign::report::Report;
use crate::prepare::prepare;
use crate::process;
use crate::steps::{self, Steps};
use crate::table::Aligned;

const HEADER: [&str; 15] = [
    "broker",
    "trouble",
    "seed",
    "tasks",
    "kills",
    "troubles",
    "missing",
    "again: running",
    "again: not acked",
    "ms since end",
    "unexplained",
    "back after s",
    "pause s",
    "seconds",
    "result",
];

/// On Redis.
pub(crate) fn run(command: &Campaign, steps: &Steps) -> Result<Report> {
    run_on("crash", &[Broker::Redis], command, steps)
}

/// On RabbitMQ, with both kinds of queues.
pub(crate) fn run_amqp(command: &Campaign, steps: &Steps) -> Result<Report> {
    run_on("crash-amqp", &Broker::RABBITMQ, command, steps)
}

fn run_on(part: &'static str, brokers: &[Broker], command: &Campaign, steps: &Steps) -> Result<Report> {
    let prepared = prepare(steps, command.profile())?;
    let right: Vec<usize> = (2..HEADER.len() - 1).collect();
    let mut report = Report::new(part, Aligned::new(&HEADER, &right));
    for &broker in brokers {
        for &trouble in &command.trouble {
            for seed in command.seeds() {
                let crash =
                    Crash { broker, tasks: command.tasks, seed: u64::from(seed), trouble, lease: None };
                run_one(&crash, &prepared.venv, steps, &mut report)?;
            }
        }
    }
    Ok(report)
}

fn run_one(crash: &Crash, venv: &Venv, steps: &Steps, report: &mut Report) -> Result<()> {
    let name = format!("{}-{}-{}", crash.broker, crash.trouble, crash.seed);
    let folder = process::folder().join(report.part).join(&name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let label = format!("crash {}, {}, seed {}", crash.broker, crash.trouble, crash.seed);
    let outcome = steps.count(&label, crash.tasks as u64, |step| {
        let outcome = crash::run(venv, crash, &folder, &|done| {
            step.position(done as u64);
            step.at(&format!("{done} of {} tasks", crash.tasks));
        });
        if !outcome.as_ref().is_ok_and(|outcome| outcome.is_good(crash.tasks)) {
            step.spoil();
        }
        Ok(outcome)
    })?;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            steps::note(&format!("{error:#}"));
            report.broken(&name, HEADER.len());
            return Ok(());
        }
    };
    let good = outcome.is_good(crash.tasks);
    report.check(cells(crash, &outcome), row(crash, &outcome), good);
    if good {
        std::fs::remove_dir_all(&folder)?;
    } else {
        explain(&outcome);
        steps::note(&format!("the effects and the output of the workers are in {}", folder.display()));
    }
    Ok(())
}

fn cells(crash: &Crash, outcome: &Outcome) -> Vec<String> {
    let verdict = &outcome.verdict;
    vec![
        crash.broker.to_string(),
        crash.trouble.to_string(),
        crash.seed.to_string(),
        crash.tasks.to_string(),
        outcome.kills.to_string(),
        outcome.troubles.to_string(),
        verdict.missing.len().to_string(),
        verdict.running.to_string(),
        verdict.unacknowledged.to_string(),
        format!("{:.0}", verdict.longest_unacknowledged * 1e3),
        verdict.unexplained.len().to_string(),
        format!("{:.1}", verdict.latest),
        format!("{:.1}", verdict.longest_pause),
        format!("{:.0}", outcome.seconds),
        if outcome.is_good(crash.tasks) { "ok" } else { "bad" }.to_owned(),
    ]
}

fn row(crash: &Crash, outcome: &Outcome) -> Value {
    let verdict = &outcome.verdict;
    json!({
        "broker": crash.broker.to_string(),
        "trouble": crash.trouble.to_string(),
        "seed": crash.seed,
        "tasks": crash.tasks,
        "runs": verdict.runs,
        "kills": outcome.kills,
        "troubles": outcome.troubles,
        "missing": verdict.missing.len(),
        "again_running": verdict.running,
        "again_unacknowledged": verdict.unacknowledged,
        "longest_unacknowledged": verdict.longest_unacknowledged,
        "unexplained": verdict.unexplained,
        "latest": verdict.latest,
        "longest_pause": verdict.longest_pause,
        "left": outcome.left,
        "results": outcome.results,
        "seconds": outcome.seconds,
        "good": outcome.is_good(crash.tasks),
    })
}

fn explain(outcome: &Outcome) {
    let verdict = &outcome.verdict;
    for line in verdict.unexplained.iter().take(10) {
        steps::note(line);
    }
    if !verdict.missing.is_empty() {
        steps::note(&format!("missing: {:?}", &verdict.missing[..verdict.missing.len().min(10)]));
    }
    steps::note(&format!("{} messages are left, {} results are stored", outcome.left, outcome.results));
}
