//! Clients of other packages that use our broker: environments with them, and the tests that need one.

use std::time::Instant;

use anyhow::Result;
use celery_oxide_tests::venv::Venv;
use serde_json::json;

use crate::campaign::command::Campaign;
use crate::campaign::report::Report;
use crate::counts::Counts;
use crate::prepare::environment::{pip, remove, works};
use crate::prepare::interpreter::{self, Interpreter};
use crate::prepare::prepare;
use crate::steps::{self, Steps};
use crate::table::Aligned;
use crate::{process, test};

/// A package with clients of its own.
struct Neighbour {
    name: &'static str,
    requirements: &'static [&'static str],
    /// The first minor version of CPython 3 that it runs on.
    python: u32,
}

const NEIGHBOURS: [Neighbour; 2] = [
    Neighbour {
        name: "celery-redis-plus",
        requirements: &["celery-redis-plus[redis]==0.4.1", "celery==5.7.*"],
        python: 13,
    },
    Neighbour { name: "celery-asyncio", requirements: &["celery-asyncio[redis]==6.0.0a6"], python: 14 },
];

/// Runs the tests with each package that there is a CPython for.
pub(crate) fn run(command: &Campaign, steps: &Steps) -> Result<Report> {
    let prepared = prepare(steps, command.profile())?;
    let table = Aligned::new(&["clients of", "python", "passed", "failed", "seconds"], &[2, 3, 4]);
    let mut report = Report::new("neighbours", table);
    for neighbour in &NEIGHBOURS {
        let name = neighbour.name;
        let Some(interpreter) = interpreter::at_least(neighbour.python) else {
            steps::note(&format!("{name} needs CPython 3.{}, which is not here", neighbour.python));
            continue;
        };
        let venv = environment(neighbour, &interpreter, steps)?;
        let mut runner = test::end_to_end(&prepared, Some("neighbours"));
        runner.command.env("CELERY_OXIDE_NEIGHBOUR", venv.root());
        let only_ignored: &[&str] = if process::is_installed("cargo-nextest") {
            &["--run-ignored", "only"]
        } else {
            &["--", "--ignored"]
        };
        runner.command.args(only_ignored);
        let started = Instant::now();
        let finished =
            steps.run(&format!("clients of {name}"), |step| process::finish(step, name, runner.command))?;
        let mut counts: Counts = runner.count.map(|count| count(&finished.output)).unwrap_or_default();
        if !finished.success {
            counts.failed = counts.failed.max(1);
            steps::note(&format!("failures are in {}", finished.log.display()));
        }
        report.passed += counts.passed;
        report.failed += counts.failed;
        report.rows.push(json!({"clients": name, "passed": counts.passed, "failed": counts.failed}));
        report.table.row(vec![
            name.to_owned(),
            interpreter.version(),
            counts.passed.to_string(),
            counts.failed.to_string(),
            format!("{:.1}", started.elapsed().as_secs_f64()),
        ]);
    }
    Ok(report)
}

fn environment(neighbour: &Neighbour, interpreter: &Interpreter, steps: &Steps) -> Result<Venv> {
    let venv = Venv::at(process::folder().join(format!("venv-{}", neighbour.name)));
    if works(&venv) {
        return Ok(venv);
    }
    steps.run(&format!("install {}", neighbour.requirements.join(", ")), |step| {
        remove(venv.root())?;
        let mut command = std::process::Command::new(&interpreter.path);
        command.args(["-m", "venv"]).arg(venv.root());
        process::succeed(step, "venv", command)?;
        let mut command = pip(&venv);
        command.arg("install").args(neighbour.requirements);
        process::succeed(step, "pip-requirements", command)
    })?;
    Ok(venv)
}
