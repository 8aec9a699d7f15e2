//! Which crate may depend on which, and where a library may be used.

use anyhow::Result;

use crate::tidy::rules::Findings;
use crate::tidy::workspace::Workspace;

/// For each crate, the crates of the workspace that it may depend on. A crate that is not listed breaks the rule.
const BELOW: [(&str, &[&str]); 17] = [
    ("celery-protocol", &[]),
    ("celery-protocol-fuzz", &["celery-protocol"]),
    ("celery-valkey", &[]),
    ("celery-transport", &["celery-protocol", "celery-valkey"]),
    ("celery-results", &["celery-protocol", "celery-valkey", "celery-transport"]),
    ("celery-client", &["celery-protocol", "celery-transport", "celery-results"]),
    ("celery-scheduler", &[]),
    ("celery-executor", &["celery-protocol"]),
    (
        "celery-worker",
        &[
            "celery-protocol",
            "celery-transport",
            "celery-results",
            "celery-client",
            "celery-scheduler",
            "celery-executor",
        ],
    ),
    ("celery-native-macros", &[]),
    (
        "celery-native",
        &[
            "celery-protocol",
            "celery-transport",
            "celery-results",
            "celery-client",
            "celery-scheduler",
            "celery-executor",
            "celery-worker",
            "celery-native-macros",
        ],
    ),
    (
        "worker-cli",
        &["celery-protocol", "celery-transport", "celery-results", "celery-client", "celery-worker"],
    ),
    (
        "celery-python",
        &[
            "celery-protocol",
            "celery-transport",
            "celery-results",
            "celery-client",
            "celery-scheduler",
            "celery-executor",
            "celery-worker",
            "celery-native",
            "worker-cli",
        ],
    ),
    ("celery-oxide-tests", &[]),
    // What `bench native` compares with, a workspace of its own.
    ("rusty-celery-bench", &[]),
    ("xtask", &["celery-oxide-tests", "celery-protocol"]),
    ("celery-oxide", &["celery-protocol", "celery-client", "celery-worker"]),
];

/// Libraries and the crates they belong to.
const HOMES: [(&str, &[&str]); 3] = [
    ("fred", &["celery-valkey", "celery-transport", "celery-results"]),
    ("lapin", &["celery-transport"]),
    ("pyo3", &["celery-python"]),
];

/// What the crate that only knows bytes and types must not pull in.
const NOT_IN_PROTOCOL: [&str; 5] = ["tokio", "async-trait", "futures", "tracing", "jiff"];

pub(crate) fn point_downwards(workspace: &Workspace) -> Result<Findings> {
    let names: Vec<&str> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
    let mut broken = Vec::new();
    for package in &workspace.packages {
        let Some((_, below)) = BELOW.iter().find(|(name, _)| *name == package.name) else {
            broken.push(format!("{} has no place in the order of crates", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            if names.contains(&dependency.as_str()) && !below.contains(&dependency.as_str()) {
                broken.push(format!("{} depends on {dependency}", package.name));
            }
        }
    }
    Ok(Findings::of(broken))
}

pub(crate) fn libraries_stay_in_place(workspace: &Workspace) -> Result<Findings> {
    let mut broken = Vec::new();
    for package in &workspace.packages {
        for dependency in &package.dependencies {
            let home = HOMES.iter().find(|(library, _)| dependency.starts_with(library));
            if home.is_some_and(|(_, crates)| !crates.contains(&package.name.as_str())) {
                broken.push(format!("{} depends on {dependency}", package.name));
            }
            if package.name == "celery-protocol" && NOT_IN_PROTOCOL.contains(&dependency.as_str()) {
                broken.push(format!("celery-protocol depends on {dependency}"));
            }
        }
    }
    Ok(Findings::of(broken))
}
