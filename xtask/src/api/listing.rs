//! The public API of a crate as text, one item in each line.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use celery_oxide_tests::paths;

use crate::process;
use crate::steps::Steps;

/// The crates that others build on, in the order of their dependence.
pub(super) const CRATES: [&str; 8] = [
    "celery-protocol",
    "celery-scheduler",
    "celery-executor",
    "celery-transport",
    "celery-results",
    "celery-client",
    "celery-worker",
    "celery-native",
];

/// Where the listing of a crate is kept, from the root of the repository.
pub(super) fn file(name: &str) -> String {
    format!("docs/reference/api/{name}.txt")
}

/// Lists what each crate offers, in the order of [`CRATES`].
pub(super) fn listings(steps: &Steps) -> Result<Vec<String>> {
    let root = paths::workspace();
    steps.run("list the public API", |step| {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["doc", "--no-deps", "--lib"]).args(CRATES.iter().flat_map(|name| ["-p", name]));
        command
            .current_dir(&root)
            .env("CARGO_TERM_COLOR", "never")
            .env("RUSTDOC", root.join("xtask").join("rustdoc-json.sh"))
            .env("RUSTDOCFLAGS", "-Zunstable-options --output-format=json");
        process::succeed(step, "api", command)?;
        CRATES.iter().map(|name| listing(name)).collect()
    })
}

fn listing(name: &str) -> Result<String> {
    let json: PathBuf = paths::target().join("doc").join(format!("{}.json", name.replace('-', "_")));
    let api = public_api::Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .with_context(|| {
            format!("{} cannot be read: the toolchain is not that of rust-toolchain.toml", json.display())
        })?;
    Ok(api.to_string())
}
