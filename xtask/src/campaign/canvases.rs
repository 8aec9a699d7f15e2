//! Random canvases, sent from stock Celery, run by the stock worker and by ours.

use std::time::Instant;

use anyhow::Result;
use celery_oxide_tests::random;
use serde_json::json;

use crate::campaign::command::Campaign;
use crate::campaign::report::Report;
use crate::prepare::prepare;
use crate::steps::{self, Steps};
use crate::table::Aligned;

/// How many canvases of a seed there is room for.
const ROOM: usize = 10_000;

pub(crate) fn run(command: &Campaign, steps: &Steps) -> Result<Report> {
    let prepared = prepare(steps, command.profile())?;
    let header = ["seed", "canvases", "leaves run", "same", "left to chance", "different", "seconds"];
    let mut report = Report::new("canvases", Aligned::new(&header, &[0, 1, 2, 3, 4, 5, 6]));
    for seed in command.seeds() {
        let first = seed as usize * ROOM;
        let started = Instant::now();
        let label = format!("{} random canvases, seed {seed}", command.canvases);
        let outcome = steps.run(&label, |step| {
            let outcome = random::compare(&prepared.venv, &(first..first + command.canvases), &|done| {
                step.at(&format!("{done} of {}", 3 * command.canvases));
            })?;
            if !outcome.different.is_empty() {
                step.spoil();
            }
            Ok(outcome)
        })?;
        let seconds = started.elapsed().as_secs_f64();
        for (seed, how) in &outcome.different {
            steps::note(&format!("canvas {seed}\n{how}"));
        }
        if !outcome.left_to_chance.is_empty() {
            steps::note(&format!("left to chance: {}", outcome.left_to_chance.join(", ")));
        }
        let good = outcome.different.is_empty();
        let cells = vec![
            seed.to_string(),
            command.canvases.to_string(),
            outcome.runs.to_string(),
            outcome.same.to_string(),
            outcome.left_to_chance.len().to_string(),
            outcome.different.len().to_string(),
            format!("{seconds:.0}"),
        ];
        let row = json!({
            "seed": seed, "canvases": command.canvases, "runs": outcome.runs, "same": outcome.same,
            "left_to_chance": outcome.left_to_chance, "different": outcome.different.len(), "seconds": seconds,
        });
        report.check(cells, row, good);
    }
    Ok(report)
}
