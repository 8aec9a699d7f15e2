//! The virtual environment with upstream Celery and the wheel under test.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::paths;

/// The environment variable that names the virtual environment.
pub const VARIABLE: &str = "CELERY_OXIDE_TEST_VENV";

/// A virtual environment.
#[derive(Clone, Debug)]
pub struct Venv {
    root: PathBuf,
}

impl Venv {
    /// The environment at `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The environment that `cargo xtask test` prepared.
    pub fn from_env() -> Result<Self> {
        match std::env::var_os(VARIABLE) {
            Some(root) => Ok(Self::at(paths::workspace().join(root))),
            None => bail!("{VARIABLE} is not set: run `cargo xtask test`, which prepares it"),
        }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A program of the environment: `python`, `celery`, `worker-cli`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.root.join("bin").join(name)
    }

    /// A command that runs a program of the environment as if the environment were activated.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.program(name));
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{}:{path}", self.root.join("bin").display()))
            .env("VIRTUAL_ENV", &self.root)
            .env("PYTHONPYCACHEPREFIX", paths::target().join("e2e").join("pycache"))
            .env_remove("PYTHONHOME");
        command
    }

    /// The minor version of its CPython: 11 for 3.11.
    pub fn python_minor(&self) -> Result<u32> {
        let output =
            self.command("python").args(["-c", "import sys; print(sys.version_info[1])"]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
    }
}
