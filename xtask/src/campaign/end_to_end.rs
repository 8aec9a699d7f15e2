//! The end-to-end tests again and again, over Pythons, Celery versions and seeds.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use celery_oxide_tests::redis::PROGRAM;
use serde_json::json;

use crate::campaign::command::{Campaign, Ground};
use crate::campaign::report::Report;
use crate::prepare::environment::{self, Purpose};
use crate::prepare::interpreter::{self, Interpreter};
use crate::prepare::wheel::Profile;
use crate::steps::{self, Steps};
use crate::table::Aligned;
use crate::{process, test};

pub(crate) fn run(command: &Campaign, ground: &Ground, steps: &Steps) -> Result<Report> {
    let interpreters = interpreters(&command.python)?;
    let versions = celery_versions(&command.celery)?;
    let header = ["server", "python", "celery", "seed", "passed", "failed", "seconds"];
    let mut report = Report::new("end-to-end", Aligned::new(&header, &[3, 4, 5, 6]));
    for interpreter in &interpreters {
        for version in &versions {
            let prepared = environment::prepare_for(
                steps,
                interpreter.clone(),
                version,
                Purpose::Tests,
                Profile::Light,
            )?;
            for seed in 1..=command.seeds {
                let label = format!("python {} celery {version} seed {seed}", interpreter.version());
                let mut runner = test::end_to_end(&prepared, command.filter.as_deref());
                runner.command.env("CELERY_OXIDE_TEST_SEED", seed.to_string());
                runner.command.env(PROGRAM, &ground.program);
                let started = Instant::now();
                let log = label.replace([' ', '.'], "-");
                let finished = steps.run(&label, |step| process::finish(step, &log, runner.command))?;
                let mut counts = runner.count.map(|count| count(&finished.output)).unwrap_or_default();
                if !finished.success {
                    counts.failed = counts.failed.max(1);
                    steps::note(&format!("failures are in {}", finished.log.display()));
                }
                let seconds = started.elapsed().as_secs_f64();
                report.table.row(vec![
                    ground.version.clone(),
                    interpreter.version(),
                    version.clone(),
                    seed.to_string(),
                    counts.passed.to_string(),
                    counts.failed.to_string(),
                    format!("{seconds:.1}"),
                ]);
                report.rows.push(json!({
                    "server": ground.version, "python": interpreter.version(), "celery": version, "seed": seed,
                    "passed": counts.passed, "failed": counts.failed, "seconds": seconds,
                }));
                report.passed += counts.passed;
                report.failed += counts.failed;
            }
        }
    }
    Ok(report)
}

fn interpreters(wanted: &[String]) -> Result<Vec<Interpreter>> {
    let found = interpreter::all();
    if wanted == ["all"] {
        return Ok(found);
    }
    wanted
        .iter()
        .map(|version| {
            let known = found.iter().find(|interpreter| interpreter.version() == *version).cloned();
            known.with_context(|| format!("no CPython {version} is found"))
        })
        .collect()
}

/// `5.4..5.7` is every minor version from the first to the last.
fn celery_versions(text: &str) -> Result<Vec<String>> {
    let Some((first, last)) = text.split_once("..") else {
        return Ok(text.split(',').map(str::to_owned).collect());
    };
    let minor = |version: &str| version.strip_prefix("5.").and_then(|minor| minor.parse::<u32>().ok());
    match (minor(first), minor(last)) {
        (Some(first), Some(last)) if first <= last => {
            Ok((first..=last).map(|minor| format!("5.{minor}")).collect())
        }
        _ => bail!("{text} is no range of Celery versions such as 5.4..5.7"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_lists_of_versions() -> Result<()> {
        assert_eq!(celery_versions("5.4..5.7")?, ["5.4", "5.5", "5.6", "5.7"]);
        assert_eq!(celery_versions("5.4,5.7")?, ["5.4", "5.7"]);
        assert!(celery_versions("5.7..5.4").is_err());
        Ok(())
    }
}
