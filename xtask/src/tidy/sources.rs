//! Rules on the text of source files.

use anyhow::Result;

use crate::tidy::rules::Findings;
use crate::tidy::workspace::{Source, Workspace};

/// A file is mentioned past this many lines.
const LONG: usize = 400;

/// Past this many it is refused, unless it only tests.
const TOO_LONG: usize = 800;

/// How many lines above an `unsafe` its comment may begin.
const REACH: usize = 8;

/// Words that must not be in any file; none for now.
const FORBIDDEN: [&str; 0] = [];

pub(crate) fn fred_stays_in_valkey(workspace: &Workspace) -> Result<Findings> {
    Ok(stays_in(workspace, "fred::", &["valkey", "celery-valkey"]))
}

pub(crate) fn lapin_stays_in_amqp(workspace: &Workspace) -> Result<Findings> {
    // The example measures what the library itself can do.
    Ok(stays_in(workspace, "lapin::", &["amqp", "amqp_ceiling.rs"]))
}

/// Names of `library` in files that are under none of the folders `homes`.
fn stays_in(workspace: &Workspace, library: &str, homes: &[&str]) -> Findings {
    let inside = |source: &&Source| {
        source.path.components().any(|part| homes.iter().any(|home| part.as_os_str() == *home))
    };
    let outside = workspace.rust().filter(|source| !inside(source) && !is_own(source));
    Findings::of(places(outside, |line| line.contains(library)))
}

pub(crate) fn unsafe_is_explained(workspace: &Workspace) -> Result<Findings> {
    let mut broken = Vec::new();
    for source in workspace.rust().filter(|source| !is_own(source)) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if !["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"]
                .iter()
                .any(|form| code.contains(form))
            {
                continue;
            }
            let above = &lines[index.saturating_sub(REACH)..=index];
            if !source.path.starts_with("crates/celery-python") {
                broken.push(format!("{} is outside celery-python", source.at(index)));
            } else if !above.iter().any(|line| line.contains("// SAFETY:") || line.contains("# Safety")) {
                broken.push(format!("{} has no // SAFETY: above it", source.at(index)));
            }
        }
    }
    Ok(Findings::of(broken))
}

pub(crate) fn files_are_short(workspace: &Workspace) -> Result<Findings> {
    let mut findings = Findings::default();
    for source in &workspace.sources {
        if !source.has_extension("rs") && !source.has_extension("py") {
            continue;
        }
        let lines = source.code().count();
        let place = format!("{} has {lines} lines", source.path.display());
        if lines > TOO_LONG && !source.is_test() {
            findings.broken.push(place);
        } else if lines > LONG {
            findings.warned.push(place);
        }
    }
    Ok(findings)
}

/// In a `mod.rs`: comments, attributes, modules, uses and what closes them.
pub(crate) fn mod_files_only_list(workspace: &Workspace) -> Result<Findings> {
    let mut broken = Vec::new();
    for source in
        workspace.rust().filter(|source| source.path.file_name().is_some_and(|name| name == "mod.rs"))
    {
        let mut in_use = false;
        for (index, line) in source.text.lines().enumerate() {
            let text = line.trim();
            let starts = ["mod ", "pub mod ", "pub(crate) mod ", "pub(super) mod ", "//", "#["];
            let uses = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "];
            let begins_use = uses.iter().any(|start| text.starts_with(start));
            if in_use || begins_use {
                in_use = !text.ends_with(';');
            } else if !text.is_empty() && !starts.iter().any(|start| text.starts_with(start)) {
                broken.push(format!("{}: {text}", source.at(index)));
            }
        }
    }
    Ok(Findings::of(broken))
}

pub(crate) fn modules_are_described(workspace: &Workspace) -> Result<Findings> {
    let undescribed = workspace.rust().filter(|source| !source.is_described());
    Ok(Findings::of(undescribed.map(|source| source.path.display().to_string()).collect()))
}

pub(crate) fn whitespace_is_clean(workspace: &Workspace) -> Result<Findings> {
    let mut broken = places(workspace.sources.iter(), |line| line != line.trim_end());
    broken.extend(places(workspace.rust(), |line| line.contains('\t')));
    Ok(Findings::of(broken))
}

pub(crate) fn nothing_is_left_open(workspace: &Workspace) -> Result<Findings> {
    let open = ["todo!(", "unimplemented!(", "dbg!(", "TODO", "FIXME"];
    let sources = workspace.sources.iter().filter(|source| !source.has_extension("md") && !is_own(source));
    Ok(Findings::of(places(sources, |line| open.iter().any(|word| line.contains(word)))))
}

pub(crate) fn no_forbidden_words(workspace: &Workspace) -> Result<Findings> {
    let sources = workspace.sources.iter().filter(|source| !is_own(source));
    Ok(Findings::of(places(sources, |line| FORBIDDEN.iter().any(|word: &&str| line.contains(word)))))
}

/// The rules name what they forbid.
fn is_own(source: &Source) -> bool {
    source.path.starts_with("xtask/src/tidy")
}

fn places<'a>(sources: impl Iterator<Item = &'a Source>, breaks: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let lines = source.text.lines().enumerate().filter(|(_, line)| breaks(line));
        found.extend(lines.map(|(index, _)| source.at(index)));
    }
    found
}
