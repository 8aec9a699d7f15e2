//! A worker as a process: started with either command, its output in a file, ended by signals.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

use crate::{paths, venv::Venv, wait};

/// How long a worker may take to load the app and to connect, on a machine that may be busy.
const START: Duration = Duration::from_secs(120);

/// Which command starts the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// `worker-cli -A tasks worker …`.
    WorkerCli,
    /// Upstream's own `celery -A tasks worker --loop-workers=1 …`.
    Celery,
    /// Upstream's own command with none of our options: the stock worker.
    Stock,
}

/// What a worker will be started with.
#[derive(Clone, Debug)]
pub struct WorkerSpec {
    venv: Venv,
    folder: PathBuf,
    front: Front,
    app: Option<String>,
    global: Vec<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log_level: Option<String>,
    reported: bool,
}

impl WorkerSpec {
    /// `worker-cli -A tasks worker -l INFO` in `folder`.
    pub fn new(venv: Venv, folder: impl Into<PathBuf>) -> Self {
        Self {
            venv,
            folder: folder.into(),
            front: Front::WorkerCli,
            app: Some("tasks".to_owned()),
            global: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            log_level: Some("INFO".to_owned()),
            reported: false,
        }
    }

    /// Starts it with another command.
    #[must_use]
    pub fn front(mut self, front: Front) -> Self {
        self.front = front;
        self
    }

    /// Runs it in another folder.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Another app than `tasks`, or none.
    #[must_use]
    pub fn app(mut self, app: Option<&str>) -> Self {
        self.app = app.map(str::to_owned);
        self
    }

    /// Adds options that stand before `worker`.
    #[must_use]
    pub fn global(mut self, options: &[&str]) -> Self {
        self.global.extend(options.iter().map(|&option| option.to_owned()));
        self
    }

    /// Adds options that stand after `worker`.
    #[must_use]
    pub fn args(mut self, options: &[&str]) -> Self {
        self.arguments.extend(options.iter().map(|&option| option.to_owned()));
        self
    }

    /// Another log level than `INFO`, or no `-l` at all.
    #[must_use]
    pub fn log_level(mut self, level: Option<&str>) -> Self {
        self.log_level = level.map(str::to_owned);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Prints the end of its output when it is dropped. A test runner shows that only when the test failed.
    #[must_use]
    pub fn reported(mut self) -> Self {
        self.reported = true;
        self
    }

    /// The words of the command line, the program first.
    pub fn words(&self) -> Vec<String> {
        let program = if self.front == Front::WorkerCli { "worker-cli" } else { "celery" };
        let mut words = vec![program.to_owned()];
        if let Some(app) = &self.app {
            words.extend(["-A".to_owned(), app.clone()]);
        }
        words.extend(self.global.iter().cloned());
        words.push("worker".to_owned());
        // One of our options is what makes upstream's command start our worker.
        if self.front == Front::Celery && !self.arguments.iter().any(|word| word.starts_with("--loop-")) {
            words.push("--loop-workers=1".to_owned());
        }
        if let Some(level) = &self.log_level {
            words.extend(["-l".to_owned(), level.clone()]);
        }
        words.extend(self.arguments.iter().cloned());
        words
    }

    /// Starts it without waiting for it to be ready.
    pub fn spawn(&self) -> Result<WorkerProcess> {
        let scratch = paths::scratch("worker-")?;
        let log = scratch.path().join("worker.log");
        let output = File::create(&log)?;
        let words = self.words();
        let child = self
            .venv
            .command(&words[0])
            .args(&words[1..])
            .current_dir(&self.folder)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}: is the wheel installed?", words[0]))?;
        Ok(WorkerProcess {
            child,
            status: None,
            log,
            line: words.join(" "),
            reported: self.reported,
            _scratch: scratch,
        })
    }

    /// Starts it, and waits until it is ready.
    pub fn start(&self) -> Result<WorkerProcess> {
        let mut worker = self.spawn()?;
        worker.wait_ready()?;
        Ok(worker)
    }

    /// Runs it to its end, which must come by itself within `limit`; gives its exit code and its output.
    pub fn run(&self, limit: Duration) -> Result<(i32, String)> {
        let mut worker = self.spawn()?;
        let code = worker.wait_exit(limit)?;
        Ok((code, worker.log()?))
    }
}

/// A running worker; killed when dropped.
#[derive(Debug)]
pub struct WorkerProcess {
    child: Child,
    status: Option<ExitStatus>,
    log: PathBuf,
    line: String,
    reported: bool,
    _scratch: TempDir,
}

impl WorkerProcess {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The file with its output.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// All it has written so far, standard output and standard error together.
    pub fn log(&self) -> Result<String> {
        let bytes = std::fs::read(&self.log)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits for the line `NODE ready.`.
    pub fn wait_ready(&mut self) -> Result<()> {
        let line = self.line.clone();
        wait::until_true(&format!("`{line}` to be ready"), START, || {
            if let Some(status) = self.child.try_wait()? {
                self.status = Some(status);
                bail!("`{line}` ended with {status}:\n{}", self.log()?);
            }
            Ok(self.log()?.lines().any(|line| line.trim_end().ends_with("ready.")))
        })
    }

    /// Waits until `text` is in its output.
    pub fn wait_log(&self, text: &str, limit: Duration) -> Result<()> {
        wait::until_true(&format!("the worker to log {text:?}"), limit, || Ok(self.log()?.contains(text)))
    }

    /// The CPU time that it has used, its threads included, in seconds (fields 14 and 15 of proc_pid_stat(5)).
    pub fn cpu_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()))?;
        let (_, fields) = stat.rsplit_once(')').context("no stat line")?;
        let ticks =
            fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    /// Asks for a warm shutdown.
    pub fn sigterm(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Asks for a cold shutdown.
    pub fn sigquit(&self) -> Result<()> {
        self.signal(Signal::QUIT)
    }

    /// Asks it to start again.
    pub fn sighup(&self) -> Result<()> {
        self.signal(Signal::HUP)
    }

    /// Asks for the stack of each thread.
    pub fn sigusr1(&self) -> Result<()> {
        self.signal(Signal::USR1)
    }

    /// Kills it with all its children, which leaves it no time for anything.
    pub fn kill(&mut self) -> Result<()> {
        kill_process_group(self.target()?, Signal::KILL)?;
        self.status = Some(self.child.wait()?);
        Ok(())
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> Result<bool> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status.is_none())
    }

    /// Waits for its end and gives its exit code.
    pub fn wait_exit(&mut self, limit: Duration) -> Result<i32> {
        let line = self.line.clone();
        wait::until_true(&format!("`{line}` to end"), limit, || Ok(!self.is_running()?))?;
        let status = self.status.ok_or_else(|| anyhow!("no exit status"))?;
        status.code().ok_or_else(|| anyhow!("`{line}` was ended by a signal: {status}"))
    }

    /// A warm shutdown that must be over within `limit`; gives the exit code.
    pub fn terminate(&mut self, limit: Duration) -> Result<i32> {
        self.sigterm()?;
        self.wait_exit(limit)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.target()?, signal).context("cannot signal the worker")
    }

    fn target(&self) -> Result<Pid> {
        i32::try_from(self.pid()).ok().and_then(Pid::from_raw).ok_or_else(|| anyhow!("no process id"))
    }
}

impl Drop for WorkerProcess {
    #[expect(clippy::print_stderr, reason = "the worker's output belongs into the report of a failed test")]
    fn drop(&mut self) {
        if self.status.is_none() {
            let _killed = self.kill();
        }
        if self.reported {
            let log = self.log().unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(80).collect();
            eprintln!("--- last lines of `{}`", self.line);
            for line in tail.iter().rev() {
                eprintln!("    {line}");
            }
        }
    }
}
