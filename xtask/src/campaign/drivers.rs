//! The tests of the drivers, on the server of choice.

use std::time::Instant;

use anyhow::Result;
use celery_oxide_tests::redis::PROGRAM;
use serde_json::json;

use crate::campaign::command::Ground;
use crate::campaign::report::Report;
use crate::steps::{self, Steps};
use crate::table::Aligned;
use crate::{process, test};

/// The crates that speak with a server.
const CRATES: [&str; 3] = ["celery-valkey", "celery-transport", "celery-results"];

pub(crate) fn run(ground: &Ground, steps: &Steps) -> Result<Report> {
    let header = ["server", "crate", "passed", "failed", "seconds"];
    let mut report = Report::new("drivers", Aligned::new(&header, &[2, 3, 4]));
    for name in CRATES {
        let mut runner = test::cargo_tests(&["--package", name]);
        runner.command.env(PROGRAM, &ground.program);
        let started = Instant::now();
        let label = format!("{name} on {}", ground.version);
        let finished = steps.run(&label, |step| process::finish(step, &label, runner.command))?;
        let mut counts = runner.count.map(|count| count(&finished.output)).unwrap_or_default();
        if !finished.success {
            counts.failed = counts.failed.max(1);
            steps::note(&format!("failures are in {}", finished.log.display()));
        }
        let seconds = started.elapsed().as_secs_f64();
        report.table.row(vec![
            ground.version.clone(),
            name.to_owned(),
            counts.passed.to_string(),
            counts.failed.to_string(),
            format!("{seconds:.1}"),
        ]);
        report.rows.push(json!({
            "server": ground.version, "crate": name, "passed": counts.passed, "failed": counts.failed,
            "seconds": seconds,
        }));
        report.passed += counts.passed;
        report.failed += counts.failed;
    }
    Ok(report)
}
