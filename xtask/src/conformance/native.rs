//! The worker that has the tasks of the suite in Rust.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use celery_oxide_tests::paths;

use crate::prepare::wheel::Profile;
use crate::process;
use crate::steps::Steps;

/// The example of the tests that is this worker.
const NAME: &str = "native-worker";

/// Builds it.
pub(super) fn build(steps: &Steps, profile: Profile) -> Result<()> {
    steps.run("build the worker that has no Python", |step| {
        let mut build = Command::new("cargo");
        build.args([
            "build",
            "-p",
            "celery-oxide-tests",
            "--example",
            NAME,
            "--profile",
            cargo_profile(profile),
        ]);
        process::succeed(step, NAME, build).map(drop)
    })
}

/// The file that was built.
pub(super) fn program(profile: Profile) -> PathBuf {
    let folder = match cargo_profile(profile) {
        "dev" => "debug",
        named => named,
    };
    paths::target().join(folder).join("examples").join(NAME)
}

fn cargo_profile(profile: Profile) -> &'static str {
    match profile {
        Profile::Light => "dev",
        Profile::Release => "release",
    }
}
