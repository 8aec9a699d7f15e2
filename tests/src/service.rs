//! A program that runs beside a test: its output in a file, ended when dropped.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use tempfile::TempDir;

use crate::{paths, wait};

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Service {
    child: Child,
    line: String,
    scratch: TempDir,
}

impl Service {
    /// Starts it.
    pub fn start(mut command: Command) -> Result<Self> {
        let scratch = paths::scratch("service-")?;
        let output = File::create(scratch.path().join(LOG))?;
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot run {line}"))?;
        Ok(Self { child, line, scratch })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).context("no process id")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Waits for its end and gives its exit code.
    pub fn wait_exit(&mut self, limit: Duration) -> Result<i32> {
        let line = self.line.clone();
        let status = wait::until(&format!("`{line}` to end"), limit, || Ok(self.child.try_wait()?))?;
        status.code().with_context(|| format!("`{line}` was ended by a signal: {status}"))
    }

    /// All it has written so far, standard output and standard error together.
    pub fn log(&self) -> Result<String> {
        let bytes = std::fs::read(self.scratch.path().join(LOG))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Fails with what it has written if it has ended.
    pub fn ensure_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("`{}` ended with {status}:\n{}", self.line, self.log()?);
        }
        Ok(())
    }

    /// Waits until what it has written satisfies `condition`.
    pub fn wait_log<T>(
        &mut self,
        what: &str,
        limit: Duration,
        condition: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let line = self.line.clone();
        wait::until(&format!("`{line}` to write {what}"), limit, || {
            let found = condition(&self.log()?);
            if found.is_none() {
                self.ensure_running()?;
            }
            Ok(found)
        })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// The file with the output.
const LOG: &str = "output.log";
