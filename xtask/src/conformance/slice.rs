//! A short slice of the suite, as part of `cargo xtask test`.

use anyhow::Result;

use crate::conformance::exceptions::Exceptions;
use crate::conformance::run::{Runs, Side};
use crate::conformance::suite::Suite;
use crate::counts::Counts;
use crate::prepare::Prepared;
use crate::prepare::wheel::Profile;
use crate::steps::{self, Steps};

/// One of each kind: calls, retries, expiry, links, and every composition in another.
const TESTS: [&str; 1] = ["test_tasks.py::test_tasks::test_basic_task"];

/// Runs the slice against our worker.
pub(crate) fn slice(steps: &Steps, prepared: &Prepared) -> Result<Counts> {
    let suite = Suite::fetch(steps, prepared)?;
    let exceptions = Exceptions::read()?;
    let selection: Vec<String> = TESTS.iter().map(|test| format!("t/integration/{test}")).collect();
    let runs = Runs {
        steps,
        prepared,
        profile: Profile::Light,
        suite: &suite,
        exceptions: &exceptions,
        selection: &selection,
        seconds: 60,
    };
    let outcomes = runs.run(Side::Ours, 0)?;
    let mut counts = Counts::default();
    for outcome in &outcomes {
        counts.passed += u64::from(outcome.passed());
        counts.failed += u64::from(outcome.failed());
        counts.skipped += u64::from(!outcome.passed() && !outcome.failed());
        if outcome.failed() {
            steps::note(&format!("{}: {}", outcome.id, outcome.reason.as_deref().unwrap_or_default()));
        }
    }
    // A name that the suite no longer has is found by nobody else.
    let missing = TESTS.len().saturating_sub(outcomes.len());
    counts.failed += missing as u64;
    Ok(counts)
}
