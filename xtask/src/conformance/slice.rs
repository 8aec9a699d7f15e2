//! A short slice of the suite, as part of `cargo xtask test`.

use anyhow::Result;

use crate::conformance::exceptions::Exceptions;
use crate::conformance::native;
use crate::conformance::outcome::Outcome;
use crate::conformance::run::{Runs, Side};
use crate::conformance::suite::Suite;
use crate::counts::Counts;
use crate::prepare::Prepared;
use crate::prepare::wheel::Profile;
use crate::steps::{self, Steps};

/// One of each kind: a call, a retry, an ignored result, an expiry.
const CALLS: [&str; 4] = [
    "test_tasks.py::test_tasks::test_basic_task",
    "test_tasks.py::test_tasks::test_task_retried_once",
    "test_tasks.py::test_tasks::test_task_retried_once_with_expires",
    "test_tasks.py::test_tasks::test_ignore_result",
];

/// Compositions in another, replaced tasks, links, stamps, failures of chords.
const CANVASES: [&str; 9] = [
    "test_canvas.py::test_chain::test_complex_chain",
    "test_canvas.py::test_chain::test_group_chord_group_chain",
    "test_canvas.py::test_chain::test_chain_child_with_errback_replaced",
    "test_canvas.py::test_group::test_group_with_callback_child_replaced",
    "test_canvas.py::test_chord::test_chord_on_error",
    "test_canvas.py::test_chord::test_nested_group_chain",
    "test_canvas.py::test_chord::test_replaced_nested_chord",
    "test_canvas.py::test_stamping_mechanism::test_stamping_example_canvas",
    "test_canvas.py::test_stamping_mechanism::test_stamps_remain_on_task_retry",
];

/// Runs the slice against our worker, and its canvases against one of Rust tasks.
pub(crate) fn slice(steps: &Steps, prepared: &Prepared) -> Result<Counts> {
    native::build(steps, Profile::Light)?;
    let suite = Suite::fetch(steps, prepared)?;
    let exceptions = Exceptions::read()?;
    let mut counts = Counts::default();
    for (side, tests) in
        [(Side::Ours, [&CALLS[..], &CANVASES[..]].concat()), (Side::Native, CANVASES.to_vec())]
    {
        let selection: Vec<String> = tests.iter().map(|test| format!("t/integration/{test}")).collect();
        let runs = Runs {
            steps,
            prepared,
            profile: Profile::Light,
            suite: &suite,
            exceptions: &exceptions,
            selection: &selection,
            seconds: 60,
        };
        count(&mut counts, &runs.run(side, 0)?, tests.len());
    }
    Ok(counts)
}

fn count(counts: &mut Counts, outcomes: &[Outcome], wanted: usize) {
    for outcome in outcomes {
        counts.passed += u64::from(outcome.passed());
        counts.failed += u64::from(outcome.failed());
        counts.skipped += u64::from(!outcome.passed() && !outcome.failed());
        if outcome.failed() {
            steps::note(&format!("{}: {}", outcome.id, outcome.reason.as_deref().unwrap_or_default()));
        }
    }
    // A name that the suite no longer has is found by nobody else.
    counts.failed += wanted.saturating_sub(outcomes.len()) as u64;
}
