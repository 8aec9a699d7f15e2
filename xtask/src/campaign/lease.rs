//! Tasks and ETAs of ten minutes under a lease of 20 seconds and a short visibility timeout.

use anyhow::Result;
use celery_oxide_tests::long::{self, Long};
use serde_json::json;

use crate::campaign::command::Campaign;
use crate::campaign::report::Report;
use crate::prepare::prepare;
use crate::process;
use crate::steps::{self, Steps};
use crate::table::Aligned;

const LEASE: f64 = 20.0;
const VISIBILITY: f64 = 15.0;
const WORKERS: usize = 3;

pub(crate) fn run(command: &Campaign, steps: &Steps) -> Result<Report> {
    let prepared = prepare(steps, command.profile())?;
    let header = [
        "ETAs wait in",
        "minutes",
        "lease s",
        "visibility s",
        "workers",
        "begun",
        "ended",
        "late s",
        "left",
        "result",
    ];
    let mut report = Report::new("lease", Aligned::new(&header, &[1, 2, 3, 4, 7, 8]));
    let time = command.minutes * 60.0;
    // Later than any of them, and the default.
    for (place, park_after) in [("worker", 1e6), ("broker", 60.0)] {
        let long = Long { time, lease: LEASE, visibility: VISIBILITY, workers: WORKERS, park_after };
        let folder = process::folder().join("lease").join(place);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let label = format!("{} minutes, ETAs in the {place}", command.minutes);
        let outcome = steps.count(&label, time as u64, |step| {
            let outcome = long::run(&prepared.venv, long, &folder, &|passed| {
                step.position(passed as u64);
                step.at(&format!("{passed:.0} of {time:.0} s"));
            })?;
            if !outcome.is_good() {
                step.spoil();
            }
            Ok(outcome)
        })?;
        let good = outcome.is_good();
        if !good {
            steps::note(&format!("the effects and the output of the workers are in {}", folder.display()));
        }
        let cells = vec![
            place.to_owned(),
            command.minutes.to_string(),
            LEASE.to_string(),
            VISIBILITY.to_string(),
            WORKERS.to_string(),
            format!("{:?}", outcome.begun),
            format!("{:?}", outcome.ended),
            format!("{:.2}", outcome.late),
            outcome.left.to_string(),
            if good { "ok" } else { "bad" }.to_owned(),
        ];
        let row = json!({
            "etas_wait_in": place, "minutes": command.minutes, "lease": LEASE, "visibility": VISIBILITY,
            "workers": WORKERS, "begun": outcome.begun, "ended": outcome.ended, "late": outcome.late,
            "left": outcome.left, "good": good,
        });
        report.check(cells, row, good);
    }
    Ok(report)
}
