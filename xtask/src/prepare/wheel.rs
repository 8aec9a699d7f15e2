//! The wheel under test: `pip install ./crates/celery-python`, when its sources have changed.

use anyhow::{Context, Result};
use celery_oxide_tests::paths;
use celery_oxide_tests::venv::Venv;

use crate::prepare::environment::pip;
use crate::prepare::fingerprint;
use crate::process;
use crate::steps::Steps;

/// The file in the environment that holds the fingerprint of the installed wheel.
const STAMP: &str = "xtask-wheel";

/// How the engine is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build.
    Light,
    /// As users get it.
    Release,
}

impl Profile {
    /// The argument that maturin is given.
    fn argument(self) -> &'static str {
        match self {
            Self::Light => "--profile=light",
            Self::Release => "--profile=release",
        }
    }
}

/// Builds and installs the wheel, unless this very one is installed.
pub(crate) fn install(steps: &Steps, venv: &Venv, profile: Profile) -> Result<()> {
    let stamp = venv.root().join(STAMP);
    let fingerprint = fingerprint::of_wheel(profile.argument())?;
    if std::fs::read_to_string(&stamp).ok().as_deref() == Some(fingerprint.as_str()) {
        return Ok(());
    }
    steps.run("build and install the wheel: pip install ./crates/celery-python", |step| {
        let mut command = pip(venv);
        // Without the dependencies, so that the Celery under test stays.
        command
            .args(["install", "--verbose", "--no-deps", "--force-reinstall", "./crates/celery-python"])
            .current_dir(paths::workspace())
            .env("MATURIN_PEP517_ARGS", profile.argument());
        process::succeed(step, "wheel", command)
    })?;
    std::fs::write(&stamp, fingerprint).with_context(|| format!("cannot write {}", stamp.display()))
}
