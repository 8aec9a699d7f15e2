//! Running the targets one after the other.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::fuzz::outcome::{self, Outcome};
use crate::fuzz::target::{self, Target};
use crate::fuzz::{build, seeds};
use crate::process;
use crate::steps::{self, Steps};
use crate::table::Aligned;

/// How many seconds one input may take.
const TIMEOUT: u32 = 10;

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fuzz<'a> {
    /// The names of the targets; none means all.
    pub(crate) targets: &'a [String],
    /// How long each runs.
    pub(crate) minutes: u64,
}

/// `target/xtask/fuzz`: the binaries, the inputs that found something new, and those that broke something.
pub(crate) fn folder() -> PathBuf {
    process::folder().join("fuzz")
}

/// Runs the targets; gives the table, how many held and how many broke.
pub(crate) fn run(fuzz: Fuzz<'_>, steps: &Steps) -> Result<(Aligned, u64, u64)> {
    let targets = target::chosen(fuzz.targets)?;
    let binaries = build::build(steps)?;
    let mut table =
        Aligned::new(&["fuzz target", "executions", "new paths", "peak RSS MB", "result"], &[1, 2, 3]);
    let (mut held, mut broken) = (0, 0);
    for target in targets {
        let outcome = one(&target, &binaries, fuzz.minutes, steps)?;
        held += u64::from(outcome.crash.is_none());
        broken += u64::from(outcome.crash.is_some());
        table.row(vec![
            target.name.to_owned(),
            outcome.executions.to_string(),
            outcome.new_paths.to_string(),
            outcome.resident.to_string(),
            outcome.crash.unwrap_or_else(|| "ok".to_owned()),
        ]);
    }
    Ok((table, held, broken))
}

fn one(target: &Target, binaries: &Path, minutes: u64, steps: &Steps) -> Result<Outcome> {
    let place = |kind: &str| folder().join(kind).join(target.name);
    let (found, seeds, crashes) = (place("corpus"), place("seeds"), place("crashes"));
    for folder in [&found, &crashes] {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    seeds::write(target, &seeds)?;
    let mut command = Command::new(binaries.join(target.name));
    command
        .arg(format!("-max_total_time={}", minutes * 60))
        .arg(format!("-max_len={}", target.max_len))
        .arg(format!("-rss_limit_mb={}", target.resident))
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-artifact_prefix={}/", crashes.display()))
        .arg("-print_final_stats=1")
        .args([found, seeds]);
    let label = format!("fuzz {}", target.name);
    let finished = steps.run(&label, |step| process::finish(step, &label, command))?;
    let mut outcome = outcome::read(&finished.output);
    if !finished.success {
        steps::note(&format!("{} broke; its output is in {}", target.name, finished.log.display()));
        outcome.crash.get_or_insert_with(|| "failed without an input".to_owned());
    }
    Ok(outcome)
}
