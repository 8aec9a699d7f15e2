//! `cargo xtask campaign`: the end-to-end tests again and again, over Pythons, Celery versions and seeds; then every
//! decoder is fuzzed.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::fuzz::{self, Fuzz};
use crate::prepare::environment::Purpose;
use crate::prepare::interpreter::{self, Interpreter};
use crate::prepare::wheel::Profile;
use crate::prepare::{environment, packages};
use crate::record::Record;
use crate::steps::{self, Steps};
use crate::table::Aligned;
use crate::{process, test};

/// Where the last figures are kept.
const RECORD: Record<'_> =
    Record { file: "docs/evidence.md", mark: "campaign", title: "Evidence", heading: "Campaign" };

#[derive(Debug, Args)]
pub(crate) struct Campaign {
    /// The Pythons to test on: `3.11,3.13`, or `all` that are found.
    #[arg(long, default_value = "all", value_delimiter = ',')]
    python: Vec<String>,
    /// The versions of Celery to test with: `5.7`, `5.4,5.7`, or a range as in `5.4..5.7`.
    #[arg(long, default_value = environment::CELERY)]
    celery: String,
    /// How many seeds to run each with.
    #[arg(long, default_value_t = 1)]
    seeds: u32,
    /// Run only the tests whose name contains this.
    #[arg(long)]
    filter: Option<String>,
    /// How many minutes each fuzz target runs.
    #[arg(long, value_name = "MINUTES", default_value_t = 10)]
    fuzz_minutes: u64,
    /// Fuzz only these targets.
    #[arg(long, value_name = "TARGET", value_delimiter = ',')]
    fuzz_target: Vec<String>,
    /// Do only this part.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Keep the tables in docs/evidence.md.
    #[arg(long)]
    record: bool,
}

/// The parts of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    EndToEnd,
    Fuzz,
}

/// What a part came to.
struct Report {
    table: Aligned,
    passed: u64,
    failed: u64,
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn run(command: &Campaign, steps: &Steps) -> Result<bool> {
    packages::ensure(steps)?;
    let chosen = |part| command.only.is_none_or(|only| only == part);
    let mut reports = Vec::new();
    if chosen(Part::EndToEnd) {
        reports.push(end_to_end(command, steps)?);
    }
    if chosen(Part::Fuzz) {
        let fuzz = Fuzz { targets: &command.fuzz_target, minutes: command.fuzz_minutes };
        let (table, passed, failed) = fuzz::run(fuzz, steps)?;
        reports.push(Report { table, passed, failed });
    }
    for report in &reports {
        report.table.print();
    }
    let sum = |count: fn(&Report) -> u64| reports.iter().map(count).sum::<u64>();
    let failed = sum(|report| report.failed);
    println!("{} passed, {failed} failed", sum(|report| report.passed));
    if command.record {
        let tables: Vec<String> = reports.iter().map(|report| report.table.text()).collect();
        RECORD.keep(&tables.join("\n\n"))?;
    }
    Ok(failed == 0)
}

fn end_to_end(command: &Campaign, steps: &Steps) -> Result<Report> {
    let interpreters = interpreters(&command.python)?;
    let versions = celery_versions(&command.celery)?;
    let header = ["python", "celery", "seed", "passed", "failed", "seconds"];
    let mut table = Aligned::new(&header, &[2, 3, 4, 5]);
    let (mut passed, mut failed) = (0, 0);
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
                let started = Instant::now();
                let log = label.replace([' ', '.'], "-");
                let finished = steps.run(&label, |step| process::finish(step, &log, runner.command))?;
                let mut counts = runner.count.map(|count| count(&finished.output)).unwrap_or_default();
                if !finished.success {
                    counts.failed = counts.failed.max(1);
                    steps::note(&format!("failures are in {}", finished.log.display()));
                }
                passed += counts.passed;
                failed += counts.failed;
                table.row(vec![
                    interpreter.version(),
                    version.clone(),
                    seed.to_string(),
                    counts.passed.to_string(),
                    counts.failed.to_string(),
                    format!("{:.1}", started.elapsed().as_secs_f64()),
                ]);
            }
        }
    }
    Ok(Report { table, passed, failed })
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
