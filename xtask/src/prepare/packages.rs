//! What the operating system must bring along.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use celery_oxide_tests::rabbitmq;

use crate::prepare::interpreter;
use crate::process;
use crate::steps::Steps;

/// Makes sure of a C compiler, redis-server and a CPython; installs what is missing as root on Debian, and says which
/// packages bring it otherwise.
pub(crate) fn ensure(steps: &Steps) -> Result<()> {
    install(steps, &missing())
}

/// Makes sure of rabbitmq-server.
pub(crate) fn ensure_rabbitmq(steps: &Steps) -> Result<()> {
    // Debian's wrapper on the PATH changes to a user of its own.
    if Path::new(rabbitmq::PROGRAMS).join("rabbitmq-server").exists() {
        return Ok(());
    }
    install(steps, &["rabbitmq-server"])
}

/// Makes sure of a C++ compiler, for which libFuzzer is built.
pub(crate) fn ensure_cxx(steps: &Steps) -> Result<()> {
    if process::is_installed("c++") { Ok(()) } else { install(steps, &["g++"]) }
}

/// Makes sure of Chromium, its driver and letters to write with.
pub(crate) fn ensure_browser(steps: &Steps) -> Result<()> {
    if process::is_installed("chromium") && process::is_installed("chromedriver") {
        return Ok(());
    }
    install(steps, &["chromium", "chromium-driver", "fonts-dejavu-core"])
}

fn install(steps: &Steps, missing: &[&str]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !Path::new("/etc/debian_version").exists() || !process::is_installed("apt-get") {
        bail!("these are missing; on Debian the packages are: {list}");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("packages are missing. Install them and run this again:\n    sudo apt-get install {list}");
    }
    steps.run(&format!("install {list}"), |step| {
        process::succeed(step, "apt-update", apt(&["update"]))?;
        let mut words = vec!["install", "--yes", "--no-install-recommends"];
        words.extend(missing.iter().copied());
        process::succeed(step, "apt-install", apt(&words))
    })?;
    Ok(())
}

fn missing() -> Vec<&'static str> {
    let mut packages = Vec::new();
    if !process::is_installed("cc") {
        packages.extend(["gcc", "libc6-dev"]);
    }
    if !process::is_installed("redis-server") {
        packages.push("redis-server");
    }
    // An interpreter named by the user is the user's to mend.
    if std::env::var_os(interpreter::VARIABLE).is_none() && interpreter::all().is_empty() {
        packages.extend(["python3", "python3-venv"]);
    }
    packages
}

fn apt(words: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
