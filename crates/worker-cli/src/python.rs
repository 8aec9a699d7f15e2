//! The interpreter that has the app: the active virtual environment's, or the first `python3` on the path.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter(PathBuf);

/// Why a command cannot be handed to Python.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoInterpreter {
    /// No Python at all.
    #[error(
        "no Python found: activate the virtual environment that has your Celery app, or put python3 on the path"
    )]
    None,
    /// A Python without the wheel.
    #[error(
        "{} has no celery-oxide: install it with\n\n    {} -m pip install celery-oxide\n", .0.display(), .0.display()
    )]
    NoWheel(PathBuf),
    /// The interpreter could not be started.
    #[error("cannot start {}: {source}", path.display())]
    Start {
        /// The interpreter.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Interpreter {
    /// Finds the interpreter: `$VIRTUAL_ENV/bin/python`, then `python3` on the path.
    pub fn find() -> Result<Self, NoInterpreter> {
        if let Some(environment) = env::var_os("VIRTUAL_ENV") {
            let path = PathBuf::from(environment).join("bin/python");
            if path.exists() {
                return Ok(Self(path));
            }
        }
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path)
            .map(|folder| folder.join("python3"))
            .find(|path| path.is_file())
            .map(Self)
            .ok_or(NoInterpreter::None)
    }

    /// The interpreter at `path`, in which this program runs.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes sure that it has the wheel.
    pub(crate) fn with_wheel(self) -> Result<Self, NoInterpreter> {
        let probe = Command::new(&self.0)
            .args(["-c", "import importlib.util as u, sys; sys.exit(u.find_spec('celery_oxide') is None)"])
            .status();
        match probe {
            Err(source) => Err(NoInterpreter::Start { path: self.0, source }),
            Ok(status) if !status.success() => Err(NoInterpreter::NoWheel(self.0)),
            Ok(_) => Ok(self),
        }
    }

    /// Becomes the interpreter running the wheel's command line: same process, same signals. Returns only if that
    /// fails.
    pub fn become_worker(self, arguments: Vec<OsString>) -> NoInterpreter {
        match self.with_wheel() {
            Err(error) => error,
            Ok(Self(path)) => {
                let source = Command::new(&path).args(["-m", "celery_oxide"]).args(arguments).exec();
                NoInterpreter::Start { path, source }
            }
        }
    }
}
