//! Building the targets with the coverage that libFuzzer steers by.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use celery_oxide_tests::paths;

use crate::fuzz::run::folder;
use crate::prepare::packages;
use crate::process;
use crate::steps::Steps;

/// The crate of the targets, from the root of the workspace.
pub(crate) const FOLDER: &str = "crates/celery-protocol/fuzz";

/// What `cargo fuzz --sanitizer none` sets; it needs no nightly compiler.
const FLAGS: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Builds every target; gives the folder of the binaries.
pub(crate) fn build(steps: &Steps) -> Result<PathBuf> {
    packages::ensure_cxx(steps)?;
    let host = host()?;
    let folder = folder().join("build");
    let mut command = Command::new(cargo());
    // A target that is named keeps the flags away from build scripts.
    command.args(["build", "--release", "--bins", "--target", &host, "--target-dir"]).arg(&folder);
    command.current_dir(paths::workspace().join(FOLDER)).env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"));
    steps.run("build the fuzz targets", |step| process::succeed(step, "fuzz-build", command))?;
    Ok(folder.join(host).join("release"))
}

/// The platform that the compiler builds for by itself.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot run rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
