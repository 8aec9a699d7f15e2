//! The command line of it.

use std::process::Command;

use anyhow::{Context, Result};
use celery_oxide_tests::paths;
use clap::Args;

use super::change::{Change, may_break};
use super::foreign::foreign;
use super::listing::{CRATES, file, listings};
use crate::counts::Counts;
use crate::steps::{self, Steps};

/// How many lines of a change are shown.
const SHOWN: usize = 40;

#[derive(Debug, Args)]
pub(crate) struct Api {
    /// Keep the listings in docs/reference/api.
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(command: &Api, steps: &Steps) -> Result<bool> {
    if command.write {
        for (name, listing) in CRATES.iter().zip(listings(steps)?) {
            let path = paths::workspace().join(file(name));
            std::fs::write(&path, listing).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(check(steps)?.failed == 0)
}

/// Checks each crate: the listing that is kept is that of the code, no type is shown that should not be, and nothing that
/// the last release had is gone, unless the version says so.
pub(crate) fn check(steps: &Steps) -> Result<Counts> {
    let mut counts = Counts::default();
    let release = last_release()?;
    let breaks = release.as_deref().is_some_and(|tag| may_break(tag, env!("CARGO_PKG_VERSION")));
    for (name, listing) in CRATES.iter().zip(listings(steps)?) {
        let kept = std::fs::read_to_string(paths::workspace().join(file(name))).unwrap_or_default();
        let mut fine = true;
        let change = Change::between(&kept, &listing);
        if !change.is_none() {
            fine = false;
            steps::note(&format!(
                "the public API of {name} has changed; `cargo xtask api --write` keeps it:"
            ));
            show("-", &change.removed);
            show("+", &change.added);
        }
        let foreign = foreign(name, &listing);
        if !foreign.is_empty() {
            fine = false;
            steps::note(&format!("{name} shows what it should hide:"));
            show("", &foreign);
        }
        if let Some(tag) = release.as_deref().filter(|_| !breaks) {
            let before = released(tag, name)?;
            let removed = Change::between(&before, &listing).removed;
            if !removed.is_empty() {
                fine = false;
                steps::note(&format!("{name} breaks what {tag} had: raise the version, or keep it:"));
                show("-", &removed);
            }
        }
        counts.passed += u64::from(fine);
        counts.failed += u64::from(!fine);
    }
    Ok(counts)
}

fn show(sign: &str, lines: &[&str]) {
    for line in lines.iter().take(SHOWN) {
        steps::note(&format!("  {sign}{line}"));
    }
    if lines.len() > SHOWN {
        steps::note(&format!("  … and {} more", lines.len() - SHOWN));
    }
}

/// The last tag of a release, `v0.1.0`, that this commit comes after.
fn last_release() -> Result<Option<String>> {
    let tag = git(&["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"])?;
    Ok(tag.map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()))
}

/// The listing of a release; of a crate that it did not have, an empty one.
fn released(tag: &str, name: &str) -> Result<String> {
    Ok(git(&["show", &format!("{tag}:{}", file(name))])?.unwrap_or_default())
}

/// What git says; `None` when it does not know, or is not there.
fn git(words: &[&str]) -> Result<Option<String>> {
    let Ok(output) = Command::new("git").args(words).current_dir(paths::workspace()).output() else {
        return Ok(None);
    };
    let text = String::from_utf8(output.stdout).context("git says what is no text")?;
    Ok(output.status.success().then_some(text))
}
