//! The virtual environment with upstream Celery and the wheel.

use std::path::Path;

use anyhow::{Context, Result};
use celery_oxide_tests::venv::Venv;

use crate::prepare::interpreter::{self, Interpreter};
use crate::prepare::packages;
use crate::prepare::wheel::{self, Profile};
use crate::process;
use crate::steps::Steps;

/// The Celery that is tested by default.
pub(crate) const CELERY: &str = "5.7";

/// The file in the environment that tells what was installed into it.
const STAMP: &str = "xtask-requirements";

/// An environment that is ready for use.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) venv: Venv,
    pub(crate) interpreter: Interpreter,
}

/// What an environment is for, beside running Celery and the wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Our own tests, and everything else.
    Tests,
    /// Celery's integration suite (`cargo xtask conformance`).
    Suite,
}

impl Purpose {
    /// What is installed for `celery`: `5.7`, or a version to the last digit.
    fn requirements(self, celery: &str) -> Vec<String> {
        let version = if celery.matches('.').count() > 1 { celery.to_owned() } else { format!("{celery}.*") };
        let celery_itself = format!("celery[redis]=={version}");
        let (pinned, own): (Vec<String>, &[&str]) = match self {
            // kombu's minor version goes with Celery's: pip would take the newest, which refuses the Redis client that
            // older versions of Celery ask for. For zstd kombu takes zstandard up to 5.6, the other from then on.
            Self::Tests => (
                vec![celery_itself, format!("kombu=={celery}.*")],
                &[
                    "aiohttp",
                    "flower",
                    "pydantic",
                    "pytest",
                    "msgpack",
                    "PyYAML",
                    "brotli",
                    "zstandard",
                    "backports.zstd",
                ],
            ),
            // With the kombu that Celery installs.
            Self::Suite => (vec![celery_itself], &[]),
        };
        let suite = [
            "pytest",
            "pytest-order",
            "pytest-subtests",
            "pytest-timeout",
            "pydantic",
            "psutil",
            "requests",
            "tblib",
        ];
        let packages = own.iter().chain(&suite).map(|&package| package.to_owned());
        pinned.into_iter().chain(packages).collect()
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Tests => "",
            Self::Suite => "-suite",
        }
    }
}

/// Prepares packages, the interpreter of choice, an environment with Celery [`CELERY`], and the wheel.
pub(crate) fn prepare(steps: &Steps, profile: Profile) -> Result<Prepared> {
    packages::ensure(steps)?;
    prepare_for(steps, interpreter::choose()?, CELERY, Purpose::Tests, profile)
}

/// Prepares the environment of one interpreter and one version of Celery.
pub(crate) fn prepare_for(
    steps: &Steps,
    interpreter: Interpreter,
    celery: &str,
    purpose: Purpose,
    profile: Profile,
) -> Result<Prepared> {
    let mut name = format!("venv-{}", interpreter.version());
    if celery != CELERY {
        name = format!("{name}-celery-{celery}");
    }
    name.push_str(purpose.suffix());
    // An environment of its own, so that `bench` and `test` do not build the wheel for each other again and again.
    if profile == Profile::Release {
        name.push_str("-release");
    }
    let venv = environment(steps, &name, &interpreter, &purpose.requirements(celery))?;
    wheel::install(steps, &venv, profile)?;
    Ok(Prepared { venv, interpreter })
}

/// An environment below `target/xtask` with `requirements`, made when there is none that works.
pub(crate) fn environment(
    steps: &Steps,
    name: &str,
    interpreter: &Interpreter,
    requirements: &[String],
) -> Result<Venv> {
    let venv = Venv::at(process::folder().join(name));
    let stamp = venv.root().join(STAMP);
    let wanted = requirements.join("\n");
    if !works(&venv) {
        steps.run(&format!("make an environment for CPython {}", interpreter.version()), |step| {
            remove(venv.root())?;
            let mut command = std::process::Command::new(&interpreter.path);
            command.args(["-m", "venv"]).arg(venv.root());
            process::succeed(step, "venv", command)
        })?;
    }
    if std::fs::read_to_string(&stamp).ok().as_deref() != Some(wanted.as_str()) {
        steps.run(&format!("install {}", requirements.join(", ")), |step| {
            let mut command = pip(&venv);
            command.arg("install").args(requirements);
            process::succeed(step, "pip-requirements", command)
        })?;
        std::fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    Ok(venv)
}

/// `pip` of the environment.
pub(crate) fn pip(venv: &Venv) -> std::process::Command {
    let mut command = venv.command("python");
    command.args(["-m", "pip", "--disable-pip-version-check", "--no-input"]);
    command.env("PIP_PROGRESS_BAR", "off").env("PIP_ROOT_USER_ACTION", "ignore");
    command
}

/// Whether the environment exists and its interpreter still runs.
pub(crate) fn works(venv: &Venv) -> bool {
    venv.command("python").args(["-c", "import pip"]).output().is_ok_and(|output| output.status.success())
}

pub(crate) fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}
