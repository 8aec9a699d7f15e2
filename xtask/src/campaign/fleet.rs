//! Stock workers and ours on one queue, replaced at random, then stock workers only.

use anyhow::Result;
use celery_oxide_tests::fleet::{self, Fleet, Outcome};
use serde_json::json;

use crate::campaign::command::Campaign;
use crate::campaign::report::Report;
use crate::prepare::prepare;
use crate::process;
use crate::steps::{self, Steps};
use crate::table::Aligned;

/// Tasks of a run.
const TASKS: usize = 400;

/// The fleets: a name, workers of either kind, and the visibility timeout in seconds. With the short one stock workers
/// double their own long tasks, and must not double ours.
const FLEETS: [(&str, [usize; 2], f64); 4] = [
    ("mixed", [2, 2], 900.0),
    ("stock only", [4, 0], 900.0),
    ("mixed", [2, 2], 60.0),
    ("stock only", [4, 0], 60.0),
];

const HEADER: [&str; 14] = [
    "fleet",
    "seed",
    "visibility s",
    "tasks",
    "workers",
    "runs stock",
    "runs ours",
    "missing",
    "again: cut off",
    "again: too old",
    "again: leaving",
    "unexplained",
    "ETA late s",
    "result",
];

pub(crate) fn run(command: &Campaign, steps: &Steps) -> Result<Report> {
    let prepared = prepare(steps, command.profile())?;
    let right: Vec<usize> = (1..HEADER.len() - 1).collect();
    let mut report = Report::new("fleet", Aligned::new(&HEADER, &right));
    for seed in command.seeds() {
        for (name, workers, visibility) in FLEETS {
            let fleet =
                Fleet { seed: u64::from(seed), workers, tasks: TASKS, scale: command.scale, visibility };
            let label = format!("{name}, visibility timeout {visibility} s, seed {seed}");
            let folder = process::folder().join("fleet").join(label.replace([' ', ','], "-"));
            if folder.exists() {
                std::fs::remove_dir_all(&folder)?;
            }
            let outcome = steps.count(&label, TASKS as u64, |step| {
                let outcome = fleet::run(&prepared.venv, &fleet, &folder, &|done| {
                    step.position(done as u64);
                    step.at(&format!("{done} of {TASKS} tasks"));
                });
                if !outcome.as_ref().is_ok_and(Outcome::is_good) {
                    step.spoil();
                }
                Ok(outcome)
            })?;
            let outcome = match outcome {
                Ok(outcome) => outcome,
                Err(error) => {
                    steps::note(&format!("{error:#}"));
                    report.broken(name, HEADER.len());
                    continue;
                }
            };
            let good = outcome.is_good();
            if !good {
                outcome.verdict.unexplained.iter().take(10).for_each(|line| steps::note(line));
                steps::note(&format!("{} messages are left; see {}", outcome.left, folder.display()));
            }
            add(&mut report, name, &fleet, &outcome);
        }
    }
    Ok(report)
}

fn add(report: &mut Report, name: &str, fleet: &Fleet, outcome: &Outcome) {
    let verdict = &outcome.verdict;
    let good = outcome.is_good();
    let cells = vec![
        name.to_owned(),
        fleet.seed.to_string(),
        fleet.visibility.to_string(),
        fleet.tasks.to_string(),
        outcome.workers.to_string(),
        verdict.runs[0].to_string(),
        verdict.runs[1].to_string(),
        verdict.missing.len().to_string(),
        verdict.killed.to_string(),
        verdict.aged.to_string(),
        verdict.leaving.to_string(),
        verdict.unexplained.len().to_string(),
        format!("{:.1}", verdict.latest),
        if good { "ok" } else { "bad" }.to_owned(),
    ];
    let row = json!({
        "fleet": name, "seed": fleet.seed, "visibility": fleet.visibility, "scale": fleet.scale,
        "tasks": fleet.tasks, "workers": outcome.workers, "runs": verdict.runs, "missing": verdict.missing,
        "again_cut_off": verdict.killed, "again_too_old": verdict.aged, "again_leaving": verdict.leaving, "unexplained": verdict.unexplained,
        "eta_late": verdict.latest, "left": outcome.left, "seconds": outcome.seconds, "good": good,
    });
    report.check(cells, row, good);
}
