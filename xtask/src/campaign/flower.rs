//! Flower in a headless Chromium, and celery-exporter: both from their packages, both unmodified.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use celery_oxide_tests::exporter::Exporter;
use celery_oxide_tests::flower::Flower;
use celery_oxide_tests::paths;
use celery_oxide_tests::redis::RedisServer;
use celery_oxide_tests::venv::Venv;
use celery_oxide_tests::worker::WorkerSpec;
use serde::Deserialize;
use serde_json::json;

use crate::campaign::command::Campaign;
use crate::campaign::report::Report;
use crate::prepare::interpreter::{self, Interpreter};
use crate::prepare::{environment, packages, prepare};
use crate::process;
use crate::steps::{self, Steps};
use crate::table::Aligned;

const NODE: &str = "celery@web-1";

const OPTIONS: [&str; 6] = ["-n", NODE, "-E", "-Q", "celery", "--loop-concurrency=40"];

/// What drives the pages. Flower runs there too, without our wheel.
const BROWSER: [&str; 5] = ["celery[redis]==5.7.*", "kombu==5.7.*", "flower", "selenium", "pillow"];

/// The exporter, with the last Celery that takes the Redis client it pins.
const EXPORTER: [&str; 2] = ["prometheus-exporter-celery", "celery[redis]==5.5.*"];

/// What the exporter runs on.
const EXPORTER_PYTHONS: [u32; 2] = [12, 11];

/// How long the worker may take to end when Flower has told it to.
const END: Duration = Duration::from_secs(60);

/// What the script tells of one check.
#[derive(Debug, Deserialize)]
struct Check {
    check: String,
    saw: String,
    good: bool,
}

pub(crate) fn run(command: &Campaign, steps: &Steps) -> Result<Report> {
    packages::ensure_browser(steps)?;
    let prepared = prepare(steps, command.profile())?;
    let browser = tools(steps, "browser", &prepared.interpreter, &BROWSER)?;
    let exporting = interpreter::all().into_iter().find(|python| EXPORTER_PYTHONS.contains(&python.minor));
    let exporting = exporting.map(|python| tools(steps, "exporter", &python, &EXPORTER)).transpose()?;
    let mut report = Report::new("flower", Aligned::new(&["check", "seen", "result"], &[]).at_most(1, 70));

    let scratch = paths::scratch("flower-")?;
    let pictures = pictures(command.record)?;
    let redis = RedisServer::start()?;
    let folder = paths::workspace().join("xtask").join("flower");
    let variables = vec![
        ("BROKER_URL".to_owned(), redis.url(0)),
        ("RESULT_URL".to_owned(), redis.url(1)),
        ("NODE".to_owned(), NODE.to_owned()),
    ];
    let spec = WorkerSpec::new(prepared.venv, &folder).args(&OPTIONS).args(&["--sync-workers=12"]);
    let mut worker = variables.iter().fold(spec, |spec, (name, value)| spec.env(name, value)).start()?;
    let flower = Flower::start(&browser, &folder, &variables, &[])?;
    flower.wait_for(NODE)?;
    let exporter = exporting.map(|venv| Exporter::start(&venv, &redis.url(0))).transpose()?;

    let mut script = browser.command("python");
    script
        .arg("drive.py")
        .arg(flower.url())
        .arg(exporter.as_ref().map_or("", Exporter::url))
        .arg(scratch.path().join("profile"))
        .arg(&pictures)
        .current_dir(&folder)
        .envs(variables);
    let finished = steps.run("500 tasks, and every button of Flower", |step| {
        let finished = process::finish(step, "flower", script)?;
        if !finished.success || finished.output.contains("\"good\": false") {
            step.spoil();
        }
        Ok(finished)
    })?;
    let checks = finished.output.lines().filter(|line| line.starts_with("{\"check\""));
    for line in checks {
        let check: Check = serde_json::from_str(line).with_context(|| format!("the script told {line}"))?;
        add(&mut report, check);
    }
    if exporter.is_none() {
        let saw = "not run: it takes CPython 3.11 or 3.12".to_owned();
        add(&mut report, Check { check: "celery-exporter".to_owned(), saw, good: false });
    }
    let end = worker.wait_exit(END);
    let saw = end.as_ref().map_or_else(ToString::to_string, |code| format!("exit code {code}"));
    add(&mut report, Check { check: "the worker ends".to_owned(), saw, good: matches!(end, Ok(0)) });
    if !finished.success {
        let saw = finished.log.display().to_string();
        add(&mut report, Check { check: "the script came to its end".to_owned(), saw, good: false });
    }
    let log = finished.log.with_file_name("flower-worker.log");
    std::fs::write(&log, worker.log()?).with_context(|| format!("cannot write {}", log.display()))?;
    steps::note(&format!("the pictures are in {}", pictures.display()));
    Ok(report)
}

fn tools(steps: &Steps, name: &str, python: &Interpreter, packages: &[&str]) -> Result<Venv> {
    let packages: Vec<String> = packages.iter().map(|&package| package.to_owned()).collect();
    environment::environment(steps, &format!("venv-{}-{name}", python.version()), python, &packages)
}

/// Where the pictures go: below the target folder, or into the documentation.
fn pictures(record: bool) -> Result<PathBuf> {
    let folder = if record {
        paths::workspace().join("docs").join("images")
    } else {
        process::folder().join("flower")
    };
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

fn add(report: &mut Report, check: Check) {
    let Check { check, saw, good } = check;
    let cells = vec![check.clone(), saw.clone(), if good { "ok" } else { "bad" }.to_owned()];
    report.check(cells, json!({"check": check, "saw": saw, "good": good}), good);
}
