//! The server that tests are run on.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::steps::{Step, Steps};

/// The release of Debian that brings Valkey 8 or later.
const SUITE: &str = "trixie";

/// Where Debian is, when this machine's apt does not say.
const MIRROR: &str = "http://deb.debian.org/debian";

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// `redis-server` as it is installed.
    Redis,
    /// Debian's package of Valkey, unpacked into the target folder.
    Valkey,
    /// A program.
    Program(PathBuf),
}

impl FromStr for Server {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "redis" => Self::Redis,
            "valkey" => Self::Valkey,
            path if Path::new(path).is_file() => Self::Program(PathBuf::from(path)),
            other => bail!("{other} is not redis, not valkey and no file"),
        })
    }
}

impl Server {
    /// The program, which is made ready.
    pub(crate) fn program(&self, steps: &Steps) -> Result<PathBuf> {
        match self {
            Self::Redis => Ok(PathBuf::from("redis-server")),
            Self::Valkey => valkey(steps),
            Self::Program(path) => std::path::absolute(path).context("cannot find the server"),
        }
    }
}

/// The version that a server says it has.
pub(crate) fn version(program: &Path) -> Result<String> {
    let output = Command::new(program).arg("--version").output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default();
    let version = words.find_map(|word| word.strip_prefix("v=")).unwrap_or_default();
    Ok(format!("{name} {version}"))
}

/// Unpacks the package and all that it needs, libraries and loader too, without installing anything: this machine's own
/// release may be older. What was unpacked once is used again.
fn valkey(steps: &Steps) -> Result<PathBuf> {
    let folder = process::folder().join(format!("valkey-{SUITE}"));
    let program = folder.join("valkey-server");
    if !program.is_file() {
        steps.run(&format!("unpack Valkey of Debian {SUITE}"), |step| {
            let archives = download(step, &folder)?;
            let root = folder.join("root");
            for archive in archives {
                let mut command = Command::new("dpkg-deb");
                command.arg("--extract").arg(&archive).arg(&root);
                process::succeed(step, "valkey-unpack", command)?;
            }
            write_program(&root, &program)
        })?;
    }
    Ok(program)
}

/// Downloads the packages with an apt of their own: other sources, nothing installed, nothing locked.
fn download(step: &Step, folder: &Path) -> Result<Vec<PathBuf>> {
    let apt = folder.join("apt");
    for name in ["state/lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(apt.join(name)).context("cannot make a folder for apt")?;
    }
    std::fs::write(apt.join("sources.list"), format!("deb {} {SUITE} main\n", mirror()))?;
    std::fs::write(apt.join("status"), "")?;
    let option = |name: &str, value: &OsStr| {
        let mut option = std::ffi::OsString::from(format!("{name}="));
        option.push(value);
        option
    };
    let options = [
        option("Dir::Etc::SourceList", apt.join("sources.list").as_os_str()),
        option("Dir::Etc::SourceParts", OsStr::new("-")),
        option("Dir::State", apt.join("state").as_os_str()),
        option("Dir::State::Status", apt.join("status").as_os_str()),
        option("Dir::Cache", apt.join("cache").as_os_str()),
        option("Debug::NoLocking", OsStr::new("1")),
        option("APT::Sandbox::User", OsStr::new("root")),
    ];
    let get = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        options.iter().for_each(|option| {
            command.arg("-o").arg(option);
        });
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    process::succeed(step, "valkey-update", get(&["update"]))?;
    let words = ["install", "--yes", "--download-only", "--no-install-recommends", "valkey-server"];
    process::succeed(step, "valkey-download", get(&words))?;
    let archives = std::fs::read_dir(apt.join("cache/archives"))?;
    let archives = archives.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    Ok(archives.into_iter().filter(|path| path.extension() == Some(OsStr::new("deb"))).collect())
}

/// The mirror that this machine's apt has Debian from.
fn mirror() -> String {
    let targets = Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]).output();
    let targets =
        targets.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let is_debian = |uri: &&str| uri.trim_end_matches('/').ends_with("/debian");
    targets.lines().find(is_debian).unwrap_or(MIRROR).to_owned()
}

/// Writes a program that runs the server with its own libraries, as the same process.
fn write_program(root: &Path, program: &Path) -> Result<()> {
    let server = root.join("usr/bin/valkey-server");
    let loader = ["usr/lib64", "lib64", "usr/lib", "lib"]
        .iter()
        .filter_map(|folder| std::fs::read_dir(root.join(folder)).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux")));
    let loader = loader.context("the packages have no loader")?;
    let libraries: Vec<String> = std::fs::read_dir(root.join("usr/lib"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with("-linux-gnu")))
        .map(|path| path.display().to_string())
        .collect();
    let script = format!(
        "#!/bin/sh\nexec '{}' --library-path '{}' '{}' \"$@\"\n",
        loader.display(),
        libraries.join(":"),
        server.display()
    );
    std::fs::write(program, script).with_context(|| format!("cannot write {}", program.display()))?;
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_programs() -> Result<()> {
        assert_eq!("valkey".parse::<Server>()?, Server::Valkey);
        assert_eq!("/bin/sh".parse::<Server>()?, Server::Program("/bin/sh".into()));
        assert!("no-such-server".parse::<Server>().is_err());
        Ok(())
    }
}
