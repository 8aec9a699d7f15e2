//! Rolling restarts under load: SIGTERM, 30 seconds of grace, KILL.

use anyhow::Result;
use celery_oxide_tests::rolling::{self, How, Rolling};
use serde_json::json;

use crate::campaign::command::Campaign;
use crate::campaign::report::Report;
use crate::prepare::prepare;
use crate::process;
use crate::steps::{self, Steps};
use crate::table::Aligned;

const ROUNDS: usize = 10;
// Short, so that the longest tasks outlast the grace.
const LIFE: f64 = 4.0;
const GRACE: f64 = 30.0;
const LONGEST: f64 = 40.0;
const TASKS: usize = 60;

pub(crate) fn run(command: &Campaign, steps: &Steps) -> Result<Report> {
    let prepared = prepare(steps, command.profile())?;
    let header = [
        "shutdown",
        "seed",
        "rounds",
        "killed",
        "runs",
        "interrupted",
        "missing",
        "unexplained",
        "left",
        "result",
    ];
    let mut report = Report::new("rolling", Aligned::new(&header, &[1, 2, 3, 4, 5, 6, 7, 8]));
    for (name, how) in [("warm", How::Warm), ("soft", How::Soft)] {
        for seed in command.seeds() {
            let rolling = Rolling {
                how,
                rounds: ROUNDS,
                life: LIFE,
                grace: GRACE,
                longest: LONGEST,
                tasks: TASKS,
                seed: u64::from(seed),
            };
            let folder = process::folder().join("rolling").join(format!("{name}-{seed}"));
            if folder.exists() {
                std::fs::remove_dir_all(&folder)?;
            }
            let label = format!("{name}, {ROUNDS} rounds, seed {seed}");
            let outcome = steps.count(&label, ROUNDS as u64, |step| {
                let outcome =
                    rolling::run(&prepared.venv, rolling, &folder, &|round| step.position(round as u64))?;
                if !outcome.is_good() {
                    step.spoil();
                }
                Ok(outcome)
            })?;
            let good = outcome.is_good();
            if !good {
                steps::note(&format!("{outcome:?}; the output of the workers is in {}", folder.display()));
            }
            let cells = vec![
                name.to_owned(),
                seed.to_string(),
                ROUNDS.to_string(),
                outcome.kills.to_string(),
                outcome.runs.to_string(),
                outcome.interrupted.to_string(),
                outcome.missing.len().to_string(),
                outcome.unexplained.len().to_string(),
                outcome.left.to_string(),
                if good { "ok" } else { "bad" }.to_owned(),
            ];
            let row = json!({
                "shutdown": name, "seed": seed, "rounds": ROUNDS, "killed": outcome.kills,
                "runs": outcome.runs, "interrupted": outcome.interrupted, "missing": outcome.missing,
                "unexplained": outcome.unexplained, "endings": outcome.endings, "left": outcome.left,
                "good": good,
            });
            report.check(cells, row, good);
        }
    }
    Ok(report)
}
