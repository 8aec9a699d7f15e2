//! Running it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use redis::cmd;
use serde_json::json;

use super::judge::{Ending, Outcome, judge};
use crate::client::Client;
use crate::dice::Dice;
use crate::effects;
use crate::redis::RedisServer;
use crate::scene::{BACKEND, BROKER};
use crate::venv::Venv;
use crate::worker::{WorkerProcess, WorkerSpec};
use crate::{paths, preload};

/// How a worker is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// SIGTERM: what runs may finish, until it is killed.
    Warm,
    /// SIGTERM that counts as SIGQUIT, with a soft shutdown that is a little shorter than the time of grace.
    Soft,
}

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Rolling {
    /// How the workers are asked to end.
    pub how: How,
    /// How many workers are replaced.
    pub rounds: usize,
    /// How long each is left alone, in seconds.
    pub life: f64,
    /// How long each has to end, in seconds, before it is killed.
    pub grace: f64,
    /// How long a task runs at most, in seconds.
    pub longest: f64,
    /// How many tasks are sent in each round.
    pub tasks: usize,
    /// The seed of the lengths of the tasks.
    pub seed: u64,
}

/// How much of the time of grace a soft shutdown leaves to what comes after it.
const SOFT: f64 = 0.8;

/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(50);

/// Enough slots that no task waits for long.
const SLOTS: [&str; 2] = ["--loop-concurrency=200", "--sync-workers=40"];

/// Runs it; effects and the output of the workers are left in `folder`, and `progress` is told the rounds.
pub fn run(venv: &Venv, rolling: Rolling, folder: &Path, progress: &dyn Fn(usize)) -> Result<Outcome> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let redis = RedisServer::start()?;
    let app = paths::app("crash");
    let environment =
        [(BROKER, redis.url(0)), (BACKEND, redis.url(1))].map(|(name, url)| (name.to_owned(), url));
    let mut spec = WorkerSpec::new(venv.clone(), &app).args(&SLOTS);
    for (name, value) in &environment {
        spec = spec.env(name, value);
    }
    let code = match rolling.how {
        How::Warm => 0,
        How::Soft => {
            let settings = json!({"worker_soft_shutdown_timeout": rolling.grace * SOFT});
            spec = spec.env("REMAP_SIGTERM", "SIGQUIT").env("SETTINGS", &settings.to_string());
            1
        }
    };
    let mut stage = Stage {
        rolling,
        client: Client::start(venv, &app, &environment)?,
        redis,
        spec,
        folder: folder.to_owned(),
        dice: Dice::new(rolling.seed),
        sent: 0,
        started: 0,
        ending: Vec::new(),
        ended: Vec::new(),
    };
    stage.roll(progress)?;
    stage.ended.sort_by_key(|(number, _)| *number);
    let endings: Vec<Ending> = stage.ended.iter().map(|(_, ending)| ending.clone()).collect();
    let mut outcome = judge(stage.sent, &endings, code);
    outcome.left = stage.left()?;
    Ok(outcome)
}

/// A worker that was asked to end.
struct Asked {
    number: usize,
    worker: WorkerProcess,
    deadline: Instant,
}

struct Stage {
    rolling: Rolling,
    client: Client,
    redis: RedisServer,
    spec: WorkerSpec,
    folder: PathBuf,
    dice: Dice,
    sent: usize,
    started: usize,
    ending: Vec<Asked>,
    ended: Vec<(usize, Ending)>,
}

impl Stage {
    /// The next worker is there before the old one is asked to end, as in a rolling update.
    fn roll(&mut self, progress: &dyn Fn(usize)) -> Result<()> {
        let mut current = self.start()?;
        for round in 0..self.rolling.rounds {
            progress(round);
            self.send()?;
            self.wait(Duration::from_secs_f64(self.rolling.life))?;
            let next = self.start()?;
            let (number, worker) = std::mem::replace(&mut current, next);
            worker.sigterm()?;
            let deadline = Instant::now() + Duration::from_secs_f64(self.rolling.grace);
            self.ending.push(Asked { number, worker, deadline });
        }
        progress(self.rolling.rounds);
        // The lease of whoever was killed last has to end first.
        let most = self.rolling.longest.mul_add(2.0, self.rolling.grace + 120.0);
        let end = Instant::now() + Duration::from_secs_f64(most);
        while self.left()? > 0 || !self.ending.is_empty() {
            if Instant::now() > end {
                bail!("{} messages are left after {most} s", self.left()?);
            }
            self.wait(INTERVAL)?;
        }
        let (number, mut worker) = current;
        let code = worker.terminate(Duration::from_secs(30))?;
        self.note(number, &worker, Ending { killed: false, code: Some(code), ..Ending::default() })
    }

    fn start(&mut self) -> Result<(usize, WorkerProcess)> {
        let number = self.started;
        self.started += 1;
        let file = self.file(number);
        let name = format!("-nworker-{number}@%h");
        let spec = self.spec.clone().args(&[&name]).env(effects::VARIABLE, &file.to_string_lossy());
        Ok((number, spec.start()?))
    }

    /// Sends the tasks of a round: half of them functions.
    fn send(&mut self) -> Result<()> {
        for _ in 0..self.rolling.tasks {
            let number = self.sent;
            self.sent += 1;
            let seconds = self.dice.seconds((0.0, self.rolling.longest)).as_secs_f64();
            let task = if number.is_multiple_of(2) { "tasks.last_async" } else { "tasks.last" };
            let options = json!({"task_id": preload::task_id(number)});
            self.client.send_with(task, json!([number, seconds]), options)?;
        }
        Ok(())
    }

    /// Lets time pass, and sees to those that were asked to end.
    fn wait(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        loop {
            for mut asked in std::mem::take(&mut self.ending) {
                if !asked.worker.is_running()? {
                    let code = asked.worker.wait_exit(Duration::ZERO)?;
                    let ending = Ending { killed: false, code: Some(code), ..Ending::default() };
                    self.note(asked.number, &asked.worker, ending)?;
                } else if asked.deadline <= Instant::now() {
                    asked.worker.kill()?;
                    let ending = Ending { killed: true, ..Ending::default() };
                    self.note(asked.number, &asked.worker, ending)?;
                } else {
                    self.ending.push(asked);
                }
            }
            if Instant::now() >= end {
                return Ok(());
            }
            std::thread::sleep(INTERVAL);
        }
    }

    fn note(&mut self, number: usize, worker: &WorkerProcess, ending: Ending) -> Result<()> {
        let file = self.file(number);
        std::fs::copy(worker.log_path(), file.with_extension("log"))?;
        self.ended.push((number, Ending { marks: effects::read(&file)?, ..ending }));
        Ok(())
    }

    fn file(&self, number: usize) -> PathBuf {
        self.folder.join(format!("effects-{number:04}"))
    }

    /// How many messages the broker has, taken or not.
    fn left(&self) -> Result<usize> {
        let mut broker = self.redis.connect(0)?;
        let queued: usize = cmd("LLEN").arg("celery").query(&mut broker)?;
        let unacked: usize = cmd("HLEN").arg("unacked").query(&mut broker)?;
        Ok(queued + unacked)
    }
}
