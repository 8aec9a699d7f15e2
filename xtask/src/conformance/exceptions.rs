//! The tests that cannot say anything of a worker in another process, each with its reason.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use celery_oxide_tests::paths;
use serde::Deserialize;

use crate::conformance::outcome::Outcome;

/// `xtask/conformance/exceptions.toml`: the id of a test, or how ids begin, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exceptions {
    /// Tests that look into the process of the worker, which they take for their own. They are run, and must not pass.
    pub(crate) inside: BTreeMap<String, String>,
    /// Tests that start no worker, or one of their own with Celery's command. They are left out.
    pub(crate) apart: BTreeMap<String, String>,
}

impl Exceptions {
    pub(crate) fn read() -> Result<Self> {
        let path = paths::workspace().join("xtask").join("conformance").join("exceptions.toml");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Why a test cannot pass with a worker in another process, if it is one of these.
    pub(crate) fn inside(&self, id: &str) -> Option<&str> {
        // The cases of one function have their parameters in brackets behind its name.
        let function = id.split('[').next().unwrap_or(id);
        self.inside.get(id).or_else(|| self.inside.get(function)).map(String::as_str)
    }

    /// Tests that are said to be impossible, and passed.
    pub(crate) fn refuted<'a>(&self, outcomes: impl IntoIterator<Item = &'a Outcome>) -> Vec<String> {
        let passed = outcomes.into_iter().filter(|outcome| outcome.passed());
        let mut refuted: Vec<_> = passed
            .filter(|outcome| self.inside(&outcome.id).is_some())
            .map(|outcome| outcome.id.clone())
            .collect();
        refuted.sort();
        refuted.dedup();
        refuted
    }
}
