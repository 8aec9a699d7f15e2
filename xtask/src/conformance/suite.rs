//! Celery's integration suite, out of its source package.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::prepare::Prepared;
use crate::prepare::environment::pip;
use crate::process;
use crate::steps::Steps;

/// The suite of one version of Celery, unedited.
#[derive(Debug)]
pub(crate) struct Suite {
    /// The folder with `t/integration`.
    pub(crate) folder: PathBuf,
    /// Celery's version, and kombu's.
    pub(crate) celery: String,
    pub(crate) kombu: String,
}

impl Suite {
    /// The suite of the Celery that is installed in the environment, downloaded unless it is there.
    pub(crate) fn fetch(steps: &Steps, prepared: &Prepared) -> Result<Self> {
        let (celery, kombu) = versions(prepared)?;
        let parent = process::folder().join("conformance").join("suites");
        let folder = parent.join(format!("celery-{celery}"));
        if !folder.join("t").is_dir() {
            steps.run(&format!("fetch the source package of Celery {celery}"), |step| {
                std::fs::create_dir_all(&parent)
                    .with_context(|| format!("cannot create {}", parent.display()))?;
                let mut download = pip(&prepared.venv);
                download.args(["download", "--no-deps", "--no-binary=celery", &format!("celery=={celery}")]);
                process::succeed(step, "suite-download", in_folder(download, &parent))?;
                // Not its `celery`, which would be imported in the place of the one that is installed.
                let name = format!("celery-{celery}");
                let mut unpack = Command::new("tar");
                unpack.args(["-xzf", &format!("{name}.tar.gz"), &format!("{name}/pyproject.toml")]);
                unpack.arg(format!("{name}/t"));
                process::succeed(step, "suite-unpack", in_folder(unpack, &parent))
            })?;
        }
        Ok(Self { folder, celery, kombu })
    }
}

fn in_folder(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder);
    command
}

fn versions(prepared: &Prepared) -> Result<(String, String)> {
    let probe = "import celery, kombu; print(celery.__version__, kombu.__version__)";
    let output = prepared.venv.command("python").args(["-c", probe]).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (celery, kombu) = text.trim().split_once(' ').context("no Celery is installed in the environment")?;
    Ok((celery.to_owned(), kombu.to_owned()))
}
