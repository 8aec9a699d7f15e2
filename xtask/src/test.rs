//! `cargo xtask test`: every check and test, one table of counts.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};
use celery_oxide_tests::{paths, venv};
use clap::{Args, ValueEnum};

use crate::api;
use crate::conformance;
use crate::counts::{self, Counts};
use crate::prepare::wheel::Profile;
use crate::prepare::{Prepared, packages, prepare};
use crate::process::{self, Finished};
use crate::steps::{self, Steps};
use crate::table::Aligned;
use crate::tidy;

/// How many lines of a failed suite's output are shown.
const SHOWN: usize = 200;

/// The crates that the unit tests leave out: the extension module needs an interpreter around it, and the end-to-end
/// tests are a suite of their own.
const NOT_UNIT: [&str; 4] = ["--exclude", "celery-python", "--exclude", "celery-oxide-tests"];

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Run only these suites.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Suite>,
    /// Run only the end-to-end tests whose name contains this.
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Suite {
    Format,
    Clippy,
    Docs,
    /// What the crates offer, against docs/reference/api and the last release.
    Api,
    Unit,
    Doctest,
    Deny,
    Tidy,
    Python,
    EndToEnd,
    /// A slice of `cargo xtask conformance`.
    Conformance,
}

impl Suite {
    /// In the order in which they run: what is quick first.
    const ALL: [Self; 11] = [
        Self::Format,
        Self::Tidy,
        Self::Deny,
        Self::Clippy,
        Self::Docs,
        Self::Api,
        Self::Unit,
        Self::Doctest,
        Self::Python,
        Self::EndToEnd,
        Self::Conformance,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Clippy => "clippy",
            Self::Docs => "docs",
            Self::Api => "public API",
            Self::Unit => "unit tests",
            Self::Doctest => "doc tests",
            Self::Deny => "licences and advisories",
            Self::Tidy => "tidy",
            Self::Python => "python tests",
            Self::EndToEnd => "end to end",
            Self::Conformance => "conformance",
        }
    }
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn run(command: &Test, steps: &Steps) -> Result<bool> {
    let chosen = |suite: Suite| match (&command.filter, command.only.is_empty()) {
        (Some(_), true) => suite == Suite::EndToEnd,
        (None, true) => true,
        (_, false) => command.only.contains(&suite),
    };
    packages::ensure(steps)?;
    packages::ensure_rabbitmq(steps)?;
    let mut table = Aligned::new(&["suite", "passed", "failed", "skipped", "seconds"], &[1, 2, 3, 4]);
    let mut total = Counts::default();
    let mut environment = Environment { steps, prepared: None };
    for suite in Suite::ALL.into_iter().filter(|&suite| chosen(suite)) {
        if suite == Suite::Deny && !process::is_installed("cargo-deny") {
            let absent = ["", "", "not installed", ""].map(str::to_owned);
            table.row([vec![suite.name().to_owned()], absent.to_vec()].concat());
            continue;
        }
        let started = Instant::now();
        let counts = match suite {
            Suite::Tidy => tidy::check(steps)?,
            Suite::Api => api::check(steps)?,
            Suite::Conformance => conformance::slice(steps, environment.ready()?)?,
            _ => count(suite, runner(suite, &mut environment, command.filter.as_deref())?, steps)?,
        };
        total.passed += counts.passed;
        total.failed += counts.failed;
        let cells = [counts.passed, counts.failed, counts.skipped].map(|count| count.to_string());
        let seconds = format!("{:.1}", started.elapsed().as_secs_f64());
        table.row([vec![suite.name().to_owned()], cells.to_vec(), vec![seconds]].concat());
    }
    table.print();
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(total.failed == 0)
}

/// The environment of the suites that need the wheel, prepared for the first of them.
struct Environment<'a> {
    steps: &'a Steps,
    prepared: Option<Prepared>,
}

impl Environment<'_> {
    fn ready(&mut self) -> Result<&Prepared> {
        let prepared = match self.prepared.take() {
            Some(prepared) => prepared,
            None => prepare(self.steps, Profile::Light)?,
        };
        Ok(self.prepared.insert(prepared))
    }
}

/// A program that tests, and how to read its counts; without a way to, it is one check.
pub(crate) struct Runner {
    pub(crate) command: Command,
    pub(crate) count: Option<fn(&str) -> Counts>,
}

/// What runs a suite that is a program of its own.
fn runner(suite: Suite, environment: &mut Environment<'_>, filter: Option<&str>) -> Result<Runner> {
    let check = |command| Runner { command, count: None };
    Ok(match suite {
        Suite::Tidy | Suite::Api | Suite::Conformance => bail!("{} is no program of its own", suite.name()),
        Suite::Format => check(cargo(&["fmt", "--all", "--check", "--", "--color=never"])),
        Suite::Deny => check(cargo(&["deny", "--log-level=error", "check"])),
        Suite::Clippy => check(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
        Suite::Docs => {
            let mut command = cargo(&["doc", "--workspace", "--no-deps"]);
            command.env("RUSTDOCFLAGS", "-D warnings");
            check(command)
        }
        Suite::Unit => cargo_tests(&[&["--workspace"], &NOT_UNIT[..]].concat()),
        Suite::Doctest => {
            let command =
                cargo(&[&["test", "--doc", "--no-fail-fast", "--workspace"], &NOT_UNIT[..]].concat());
            Runner { command, count: Some(counts::of_cargo_test) }
        }
        Suite::Python => pytest(environment.ready()?),
        Suite::EndToEnd => end_to_end(environment.ready()?, filter),
    })
}

/// Runs a suite. A runner that fails without a failed test counts as one, and so does one that ran nothing.
fn count(suite: Suite, runner: Runner, steps: &Steps) -> Result<Counts> {
    let finished = finish(suite, runner.command, steps)?;
    let Some(count) = runner.count else { return Ok(Counts::one(finished.success)) };
    let mut counts = count(&finished.output);
    if counts.failed == 0 && (!finished.success || counts.passed == 0) {
        counts.failed = 1;
    }
    Ok(counts)
}

fn finish(suite: Suite, command: Command, steps: &Steps) -> Result<Finished> {
    let finished = steps.run(suite.name(), |step| process::finish(step, suite.name(), command))?;
    if !finished.success {
        steps::note(&format!("{} failed; the end of {}:", suite.name(), finished.log.display()));
        for line in finished.tail(SHOWN).lines() {
            steps::note(line);
        }
    }
    Ok(finished)
}

/// The end-to-end tests against a prepared environment.
pub(crate) fn end_to_end(prepared: &Prepared, filter: Option<&str>) -> Runner {
    let mut runner = cargo_tests(&["--package", "celery-oxide-tests"]);
    runner.command.args(filter).env(venv::VARIABLE, prepared.venv.root());
    runner
}

fn pytest(prepared: &Prepared) -> Runner {
    let mut command = prepared.venv.command("python");
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests_py"]);
    command.current_dir(paths::workspace().join("crates").join("celery-python"));
    Runner { command, count: Some(counts::of_pytest) }
}

/// nextest where it is installed, else `cargo test`.
pub(crate) fn cargo_tests(words: &[&str]) -> Runner {
    if process::is_installed("cargo-nextest") {
        let command =
            cargo(&[&["nextest", "run", "--no-fail-fast", "--failure-output=final"], words].concat());
        Runner { command, count: Some(counts::of_nextest) }
    } else {
        let command = cargo(&[&["test", "--no-fail-fast", "--lib", "--bins", "--tests"], words].concat());
        Runner { command, count: Some(counts::of_cargo_test) }
    }
}

fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words).current_dir(paths::workspace()).env("CARGO_TERM_COLOR", "never");
    command
}
