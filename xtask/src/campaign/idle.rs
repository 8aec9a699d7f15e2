//! What many idle workers cost the server.

use std::time::Duration;

use anyhow::Result;
use celery_oxide_tests::herd::{self, Herd};
use serde_json::json;

use crate::campaign::command::Campaign;
use crate::campaign::report::Report;
use crate::prepare::prepare;
use crate::process;
use crate::steps::Steps;
use crate::table::Aligned;

/// The most commands a second for each idle worker.
const MOST_IDLE: f64 = 5.0;

/// The most commands for each task.
const MOST_TASK: f64 = 20.0;

/// Tasks a second.
const RATE: usize = 200;

pub(crate) fn run(command: &Campaign, steps: &Steps) -> Result<Report> {
    let prepared = prepare(steps, command.profile())?;
    let header = [
        "workers",
        "idle: commands/s each",
        "tasks/s",
        "commands/task",
        "start p50 ms",
        "start p99 ms",
        "result",
    ];
    let mut report = Report::new("idle", Aligned::new(&header, &[0, 1, 2, 3, 4, 5]));
    let folder = process::folder().join("idle");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let herd = Herd { workers: command.workers, rate: RATE, time: Duration::from_secs(30) };
    let cost = steps.run(&format!("{} idle workers, {RATE} tasks/s", herd.workers), |step| {
        herd::run(&prepared.venv, herd, &folder, &|at| step.at(at))
    })?;
    let good = cost.idle < MOST_IDLE && cost.task < MOST_TASK;
    let cells = vec![
        herd.workers.to_string(),
        format!("{:.1}", cost.idle),
        RATE.to_string(),
        format!("{:.1}", cost.task),
        format!("{:.1}", cost.median),
        format!("{:.1}", cost.slow),
        if good { "ok" } else { "bad" }.to_owned(),
    ];
    let row = json!({
        "workers": herd.workers, "idle_commands_per_second": cost.idle, "tasks_per_second": RATE,
        "commands_per_task": cost.task, "start_p50_ms": cost.median, "start_p99_ms": cost.slow, "good": good,
    });
    report.check(cells, row, good);
    Ok(report)
}
