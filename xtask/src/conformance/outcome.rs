//! What became of the tests of one run.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// One test, as `external_worker.py` tells it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Outcome {
    /// `t/integration/test_tasks.py::test_tasks::test_eta`
    pub(crate) id: String,
    pub(crate) outcome: Kind,
    pub(crate) seconds: f64,
    /// Why it failed or was skipped.
    pub(crate) reason: Option<String>,
    /// What happened to the worker: it died, or was restarted.
    pub(crate) worker: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Passed,
    Failed,
    Skipped,
    /// The suite expects it to fail, and it did.
    Xfailed,
    /// The suite expects it to fail, and it did not.
    Xpassed,
}

impl Outcome {
    pub(crate) fn passed(&self) -> bool {
        matches!(self.outcome, Kind::Passed | Kind::Xpassed)
    }

    pub(crate) fn failed(&self) -> bool {
        self.outcome == Kind::Failed
    }

    /// Whether the worker ended by itself.
    pub(crate) fn lost_worker(&self) -> bool {
        self.worker.as_deref().is_some_and(|said| said.starts_with("died"))
    }
}

/// Reads the lines that a run wrote.
pub(crate) fn read(path: &Path) -> Result<Vec<Outcome>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the run told nothing: {} is missing", path.display()))?;
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| format!("not an outcome: {line}")))
        .collect()
}
