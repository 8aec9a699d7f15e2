//! Tasks and ETAs that are longer than every timeout: each runs once, though others look after what is lost.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use redis::cmd;
use serde_json::json;

use crate::client::Client;
use crate::redis::RedisServer;
use crate::scene::{BACKEND, BROKER};
use crate::venv::Venv;
use crate::worker::WorkerSpec;
use crate::{effects, paths, preload, wait};

/// How long a task runs that has waited for its time.
const SHORT: f64 = 0.1;

/// How early or late an ETA may be, in seconds: the clocks of the ETA and of the effects are two.
const EARLY: f64 = 0.1;
const LATE: f64 = 30.0;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Long {
    /// How long the tasks run, and how far away the ETAs are, in seconds.
    pub time: f64,
    /// `lease_timeout` in seconds.
    pub lease: f64,
    /// `visibility_timeout` in seconds.
    pub visibility: f64,
    /// Worker processes.
    pub workers: usize,
    /// `worker_eta_park_after` in seconds: what is for later waits in the broker.
    pub park_after: f64,
}

/// What happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// How often each of the four tasks began: a `def` task, an `async def` one, and one of each with an ETA.
    pub begun: [usize; 4],
    /// How often each ended.
    pub ended: [usize; 4],
    /// How late those with an ETA began, in seconds; negative: early.
    pub late: f64,
    /// Messages that the broker still has.
    pub left: usize,
}

impl Outcome {
    /// Each ran once, in time.
    pub fn is_good(&self) -> bool {
        self.begun == [1; 4] && self.ended == [1; 4] && (-EARLY..LATE).contains(&self.late) && self.left == 0
    }
}

/// Runs it; effects and the output of the workers are left in `folder`.
pub fn run(venv: &Venv, long: Long, folder: &Path, progress: &dyn Fn(f64)) -> Result<Outcome> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let redis = RedisServer::start()?;
    let app = paths::app("crash");
    let environment = [(BROKER, redis.url(0)), (BACKEND, redis.url(1))];
    let environment = environment.map(|(name, url)| (name.to_owned(), url));
    let options = json!({
        "lease_timeout": long.lease, "visibility_timeout": long.visibility,
        "unacked_restore_interval": long.visibility / 4.0, "unacked_restore_throttle": 1,
    });
    let spec = WorkerSpec::new(venv.clone(), &app)
        .env("TRANSPORT_OPTIONS", &options.to_string())
        .env("SETTINGS", &json!({"worker_eta_park_after": long.park_after}).to_string());
    let spec = environment.iter().fold(spec, |spec, (name, url)| spec.env(name, url));
    let file = |number: usize| folder.join(format!("effects-{number:04}"));
    let mut workers = Vec::new();
    for number in 0..long.workers {
        let spec = spec.clone().args(&[&format!("-nworker-{number}@%h")]);
        workers.push(spec.env(effects::VARIABLE, &file(number).to_string_lossy()).start()?);
    }
    let mut client = Client::start(venv, &app, &environment)?;
    let sent = effects::now();
    let tasks = ["tasks.last", "tasks.last_async", "tasks.last", "tasks.last_async"];
    for (number, task) in tasks.into_iter().enumerate() {
        let (seconds, mut options) = (long.time, json!({"task_id": preload::task_id(number)}));
        if number < 2 {
            client.send_with(task, json!([number, seconds]), options)?;
        } else {
            options["countdown"] = json!(seconds);
            client.send_with(task, json!([number, SHORT]), options)?;
        }
    }
    let marks = || -> Result<Vec<effects::Mark>> {
        let all = (0..long.workers).map(|number| effects::read(&file(number))).collect::<Result<Vec<_>>>()?;
        Ok(all.concat())
    };
    let limit = Duration::from_secs_f64(long.time + 60.0);
    wait::until_true("all tasks to end", limit, || {
        progress(effects::now() - sent);
        let marks = marks()?;
        Ok((0..4).all(|task| marks.iter().any(|mark| mark.ended && mark.task == task)))
    })?;
    // Whoever took one of them for lost would run it now.
    let end = Instant::now() + Duration::from_secs_f64(2.0 * long.lease.max(long.visibility));
    while Instant::now() < end {
        for worker in &mut workers {
            ensure!(worker.is_running()?, "a worker ended by itself:\n{}", worker.log()?);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut outcome = Outcome::default();
    for mark in marks()? {
        let counts = if mark.ended { &mut outcome.ended } else { &mut outcome.begun };
        *counts.get_mut(mark.task).context("an unknown task ran")? += 1;
        if !mark.ended && mark.task >= 2 {
            let late = mark.at - sent - long.time;
            outcome.late = if late < 0.0 { outcome.late.min(late) } else { outcome.late.max(late) };
        }
    }
    let mut broker = redis.connect(0)?;
    let queued: usize = cmd("LLEN").arg("celery").query(&mut broker)?;
    let unacked: usize = cmd("HLEN").arg("unacked").query(&mut broker)?;
    outcome.left = queued + unacked;
    for (number, worker) in workers.iter().enumerate() {
        std::fs::copy(worker.log_path(), file(number).with_extension("log"))?;
    }
    Ok(outcome)
}
