//! Finding a CPython that the wheel supports.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// The environment variable that names the interpreter to use.
pub(crate) const VARIABLE: &str = "CELERY_OXIDE_PYTHON";

/// The minor versions of CPython 3 that are supported, the preferred one first.
pub(crate) const MINORS: [u32; 4] = [13, 12, 11, 10];

/// Prints the version and the path of the interpreter; fails where it cannot make virtual environments. The wheel's
/// stable ABI does not cover free-threaded builds.
const PROBE: &str = "\
import ensurepip, sys, sysconfig, venv
assert sys.implementation.name == 'cpython' and not sysconfig.get_config_var('Py_GIL_DISABLED')
print(sys.version_info[0], sys.version_info[1], sys.executable)";

/// An interpreter that can make virtual environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interpreter {
    /// 11 for CPython 3.11.
    pub(crate) minor: u32,
    pub(crate) path: PathBuf,
}

impl Interpreter {
    /// As in `3.11`.
    pub(crate) fn version(&self) -> String {
        format!("3.{}", self.minor)
    }
}

/// The interpreter to use: what [`VARIABLE`] names, else the best on the PATH.
pub(crate) fn choose() -> Result<Interpreter> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        let named = PathBuf::from(named);
        return match probe(&named) {
            Some(interpreter) => Ok(interpreter),
            None => bail!(
                "{VARIABLE}={} is no CPython 3.10 to 3.13 with the modules venv and ensurepip",
                named.display()
            ),
        };
    }
    match all().into_iter().next() {
        Some(interpreter) => Ok(interpreter),
        None => bail!("no CPython 3.10 to 3.13 with the modules venv and ensurepip is on the PATH"),
    }
}

/// One of at least CPython 3.`minor`, which need not be supported by the wheel.
pub(crate) fn at_least(minor: u32) -> Option<Interpreter> {
    all().into_iter().find(|one| one.minor >= minor).or_else(|| probe(Path::new(&format!("python3.{minor}"))))
}

/// One interpreter for each supported version that is found: on the PATH, or in a pyenv.
pub(crate) fn all() -> Vec<Interpreter> {
    let mut names: Vec<PathBuf> =
        MINORS.iter().map(|minor| PathBuf::from(format!("python3.{minor}"))).collect();
    names.extend(["python3", "/usr/bin/python3"].map(PathBuf::from));
    names.extend(pyenv());
    let mut found: Vec<Interpreter> = Vec::new();
    for name in &names {
        if let Some(interpreter) = probe(name)
            && found.iter().all(|known| known.minor != interpreter.minor)
        {
            found.push(interpreter);
        }
    }
    found.sort_by_key(|interpreter| std::cmp::Reverse(interpreter.minor));
    found
}

fn pyenv() -> Vec<PathBuf> {
    let root = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".pyenv")));
    let Some(versions) = root.and_then(|root| std::fs::read_dir(root.join("versions")).ok()) else {
        return Vec::new();
    };
    versions.filter_map(|version| Some(version.ok()?.path().join("bin").join("python3"))).collect()
}

fn probe(path: &Path) -> Option<Interpreter> {
    let output =
        Command::new(path).args(["-c", PROBE]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8(output.stdout).ok()?;
    let mut words = text.trim().splitn(3, ' ');
    let (major, minor, path) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
    (major == "3" && MINORS.contains(&minor)).then(|| Interpreter { minor, path: PathBuf::from(path) })
}
