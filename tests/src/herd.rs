//! Many idle workers, and few tasks: what that costs the server.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use redis::{Connection, cmd};
use serde_json::json;

use crate::client::Client;
use crate::preload::Template;
use crate::redis::RedisServer;
use crate::scene::{BACKEND, BROKER};
use crate::venv::Venv;
use crate::worker::{WorkerProcess, WorkerSpec};
use crate::{effects, paths, wait};

/// How many workers start at the same time.
const TOGETHER: usize = 4;

/// How long after its start a worker does what it does only then: it knows of the others after its first renewal.
const SETTLED: Duration = Duration::from_secs(12);

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Herd {
    /// Worker processes on one queue.
    pub workers: usize,
    /// Tasks a second.
    pub rate: usize,
    /// How long each of the two measurements takes.
    pub time: Duration,
}

/// What was measured. Every command that the server ran counts, those of scripts and those of the producer as well.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Commands a second for each idle worker.
    pub idle: f64,
    /// Commands for each task.
    pub task: f64,
    /// Milliseconds from the push of a task to its start: half were faster.
    pub median: f64,
    /// The same: 99 of 100 were faster.
    pub slow: f64,
}

/// Measures; effects are left in `folder`, and `progress` is told what is done.
pub fn run(venv: &Venv, herd: Herd, folder: &Path, progress: &dyn Fn(&str)) -> Result<Cost> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let redis = RedisServer::start()?;
    let app = paths::app("crash");
    let environment = [(BROKER, redis.url(0)), (BACKEND, redis.url(1))];
    let environment = environment.map(|(name, url)| (name.to_owned(), url));
    let mut client = Client::start(venv, &app, &environment)?;
    let mut templates = Template::take_each(&redis, &mut client, &["tasks.touch_async", "tasks.touch"])?;
    drop(client);
    let spec =
        environment.iter().fold(WorkerSpec::new(venv.clone(), app), |spec, (name, url)| spec.env(name, url));
    let spec = spec.env("SETTINGS", &json!({"task_acks_late": false}).to_string());
    let workers = start(herd, &spec, folder, progress)?;
    std::thread::sleep(SETTLED);

    let mut broker = redis.connect(0)?;
    progress("idle");
    let before = commands(&mut broker)?;
    let started = Instant::now();
    std::thread::sleep(herd.time);
    let idle = (commands(&mut broker)? - before) as f64 / started.elapsed().as_secs_f64();

    let before = commands(&mut broker)?;
    let started = Instant::now();
    let mut pushed = Vec::new();
    while started.elapsed() < herd.time {
        let due = Duration::from_secs_f64(pushed.len() as f64 / herd.rate as f64);
        std::thread::sleep(due.saturating_sub(started.elapsed()));
        let number = pushed.len();
        let message = templates[number % 2].message(number, &json!(number))?;
        pushed.push(effects::now());
        let _length: usize = cmd("LPUSH").arg("celery").arg(message).query(&mut broker)?;
        if pushed.len().is_multiple_of(herd.rate) {
            progress(&format!("{} tasks sent", pushed.len()));
        }
    }
    let mut results = redis.connect(1)?;
    wait::until_true("all results", Duration::from_secs(60), || {
        Ok(cmd("DBSIZE").query::<usize>(&mut results)? >= pushed.len())
    })?;
    let cost = (commands(&mut broker)? - before) as f64;
    drop(workers);
    let mut delays = delays(folder, herd.workers, &pushed)?;
    delays.sort_by(f64::total_cmp);
    let quantile =
        |share: f64| delays.get((delays.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN) * 1e3;
    Ok(Cost {
        idle: idle / herd.workers as f64,
        task: cost / pushed.len() as f64,
        median: quantile(0.5),
        slow: quantile(0.99),
    })
}

fn start(
    herd: Herd,
    spec: &WorkerSpec,
    folder: &Path,
    progress: &dyn Fn(&str),
) -> Result<Vec<WorkerProcess>> {
    let mut workers = Vec::new();
    while workers.len() < herd.workers {
        let first = workers.len();
        for number in first..(first + TOGETHER).min(herd.workers) {
            let file = folder.join(format!("effects-{number:04}"));
            let name = format!("-nworker-{number}@%h");
            workers
                .push(spec.clone().args(&[&name]).env(effects::VARIABLE, &file.to_string_lossy()).spawn()?);
        }
        for worker in &mut workers[first..] {
            worker.wait_ready()?;
        }
        progress(&format!("{} workers are ready", workers.len()));
    }
    Ok(workers)
}

/// Seconds from the push of each task to its start.
fn delays(folder: &Path, workers: usize, pushed: &[f64]) -> Result<Vec<f64>> {
    let mut delays = Vec::new();
    for number in 0..workers {
        let marks = effects::read(&folder.join(format!("effects-{number:04}")))?;
        let starts = marks.into_iter().filter(|mark| !mark.ended);
        delays.extend(starts.filter_map(|mark| Some(mark.at - pushed.get(mark.task)?)));
    }
    Ok(delays)
}

/// How many commands the server ran, without those of the observer.
fn commands(connection: &mut Connection) -> Result<u64> {
    let stats: String = cmd("INFO").arg("commandstats").query(connection)?;
    let calls = stats.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let calls = rest.split(',').next()?.parse::<u64>().ok()?;
        (!matches!(name, "info" | "dbsize")).then_some(calls)
    });
    Ok(calls.sum())
}
