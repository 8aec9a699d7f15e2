//! Running other programs: their output goes to a log, its last line to the step that runs them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use celery_oxide_tests::paths;

use crate::steps::Step;

/// How many lines of a failed program's output are shown.
const SHOWN: usize = 60;

/// What a program wrote, and whether it succeeded.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) success: bool,
    pub(crate) output: String,
    pub(crate) log: PathBuf,
}

impl Finished {
    /// The last lines of its output.
    pub(crate) fn tail(&self, lines: usize) -> String {
        let all: Vec<&str> = self.output.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

/// Runs `command` to its end; both its outputs are kept in `target/xtask/logs/<name>.log`. A failure spoils the step.
pub(crate) fn finish(step: &Step, name: &str, command: Command) -> Result<Finished> {
    let finished = follow(step, name, command)?;
    if !finished.success {
        step.spoil();
    }
    Ok(finished)
}

/// [`finish`] for a program whose failure is not the step's.
pub(crate) fn follow(step: &Step, name: &str, mut command: Command) -> Result<Finished> {
    let log = log_path(name)?;
    let mut file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let program = command.get_program().display().to_string();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let (sender, lines) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        forward(stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, sender);
    }
    let mut output = String::new();
    let mut last = String::new();
    loop {
        match lines.recv_timeout(Duration::from_secs(1)) {
            Ok(line) => {
                writeln!(file, "{line}")?;
                output.push_str(&line);
                output.push('\n');
                last = line;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        step.at(&last);
    }
    let success = child.wait()?.success();
    Ok(Finished { success, output, log })
}

/// [`finish`], and an error with the end of the output when the program fails.
pub(crate) fn succeed(step: &Step, name: &str, command: Command) -> Result<String> {
    let line = words(&command);
    let finished = finish(step, name, command)?;
    if !finished.success {
        bail!(
            "`{line}` failed; its output ({}) ends with:\n{}",
            finished.log.display(),
            finished.tail(SHOWN)
        );
    }
    Ok(finished.output)
}

/// Whether `program` is on the PATH.
pub(crate) fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// The program and its arguments as they would be typed.
pub(crate) fn words(command: &Command) -> String {
    let mut words = vec![command.get_program().display().to_string()];
    words.extend(command.get_args().map(|word| word.display().to_string()));
    words.join(" ")
}

/// `target/xtask`.
pub(crate) fn folder() -> PathBuf {
    paths::target().join("xtask")
}

fn log_path(name: &str) -> Result<PathBuf> {
    let folder = folder().join("logs");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder.join(format!("{}.log", name.replace(' ', "-"))))
}

fn forward(stream: impl Read + Send + 'static, sender: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
            let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            bytes.clear();
            if sender.send(line).is_err() {
                break;
            }
        }
    });
}
