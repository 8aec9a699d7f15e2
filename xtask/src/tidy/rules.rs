//! The rules, and the report on them.

use anyhow::Result;

use crate::counts::Counts;
use crate::steps::{Step, Steps};
use crate::tidy::workspace::Workspace;
use crate::tidy::{dependencies, documents, sources};

/// What a rule finds: places that break it, and places that come near to it.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) broken: Vec<String>,
    pub(crate) warned: Vec<String>,
}

impl Findings {
    pub(crate) fn of(broken: Vec<String>) -> Self {
        Self { broken, warned: Vec::new() }
    }
}

/// A rule: what holds, and the check.
type Rule = (&'static str, fn(&Workspace) -> Result<Findings>);

const RULES: [Rule; 13] = [
    ("every crate has a README and says what it is", documents::crates_are_described),
    ("links in Markdown files lead somewhere", documents::links_resolve),
    ("crates depend downwards only", dependencies::point_downwards),
    ("libraries are used only where they belong", dependencies::libraries_stay_in_place),
    ("fred is named only in valkey folders", sources::fred_stays_in_valkey),
    ("lapin is named only in amqp folders", sources::lapin_stays_in_amqp),
    ("unsafe is only in celery-python, and each time says why it is sound", sources::unsafe_is_explained),
    ("no source file is longer than 800 lines", sources::files_are_short),
    ("mod.rs has no logic", sources::mod_files_only_list),
    ("every module says what it is", sources::modules_are_described),
    ("no trailing spaces and no tabs in sources", sources::whitespace_is_clean),
    ("no todo!, unimplemented! or dbg!", sources::nothing_is_left_open),
    ("no forbidden words", sources::no_forbidden_words),
];

/// Checks all rules; gives whether they hold.
pub(crate) fn run() -> Result<bool> {
    Ok(check(&Steps::new())?.failed == 0)
}

/// Checks all rules; each counts as a test.
pub(crate) fn check(steps: &Steps) -> Result<Counts> {
    let workspace = Workspace::load()?;
    let mut counts = Counts::default();
    steps.run("tidy", |step| {
        for (rule, holds) in RULES {
            let findings = holds(&workspace)?;
            report(step, rule, &findings);
            if findings.broken.is_empty() {
                counts.passed += 1;
            } else {
                counts.failed += 1;
                step.spoil();
            }
        }
        Ok(())
    })?;
    Ok(counts)
}

fn report(step: &Step, rule: &str, findings: &Findings) {
    for place in &findings.warned {
        step.line(&format!("warning: {place}"));
    }
    if !findings.broken.is_empty() {
        step.line(&format!("broken: {rule}"));
    }
    for place in &findings.broken {
        step.line(&format!("  {place}"));
    }
}
