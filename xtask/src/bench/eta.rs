//! `cargo xtask bench eta`: what far ETAs cost the worker's memory, and how late those start that are due.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::paths;
use celery_oxide_tests::preload::{self, BATCH, Template, task_id};
use celery_oxide_tests::redis::RedisServer;
use celery_oxide_tests::worker::{WorkerProcess, WorkerSpec};
use clap::Args;
use redis::cmd;
use serde_json::{Value, json};

use crate::bench::process_tree;
use crate::prepare::prepare;
use crate::prepare::wheel::Profile;
use crate::steps::{Step, Steps};

#[derive(Debug, Args)]
pub(crate) struct Eta {
    /// How many tasks are due in an hour.
    #[arg(long, default_value_t = 1_000_000)]
    far: usize,
    /// How many tasks are due within the ten seconds that are measured.
    #[arg(long, default_value_t = 10_000)]
    due: usize,
    /// How many workers there are; the memory is that of the largest.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Fail when the worker grows by more than so many megabytes.
    #[arg(long, value_name = "MB")]
    grow_at_most: Option<f64>,
    /// Fail when the 99th percentile of the lateness is more than so many milliseconds.
    #[arg(long, value_name = "MS")]
    late_at_most: Option<f64>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Over how long the due tasks are spread.
const SPREAD: f64 = 10.0;

/// How far ahead those are sent: far enough to be parked, and for all of them to be sent.
const AHEAD: f64 = 75.0;

/// Tasks that run before memory is measured: what a worker allocates for its work is not what far ETAs cost.
const WARM: usize = 20_000;

/// How long no progress is given up on.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was measured.
struct Measured {
    /// Megabytes, before and at the peak.
    before: f64,
    peak: f64,
    /// Seconds that it took to park all, and how many megabytes the server needs for one million.
    parking: f64,
    /// Seconds, in order.
    late: Vec<f64>,
}

impl Measured {
    /// A quantile of the lateness, in milliseconds.
    fn late_at(&self, quantile: f64) -> f64 {
        let last = self.late.len().saturating_sub(1);
        self.late.get((quantile * last as f64).round() as usize).copied().unwrap_or(f64::NAN) * 1000.0
    }
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn run(command: &Eta, steps: &Steps) -> Result<bool> {
    let prepared = prepare(steps, Profile::Release)?;
    let redis = RedisServer::start()?;
    let folder = paths::workspace().join("xtask").join("bench");
    let environment = vec![("BROKER_URL".to_owned(), redis.url(0)), ("RESULT_URL".to_owned(), redis.url(1))];
    let mut client = Client::start(&prepared.venv, &folder, &environment)?;
    let mut noop = Template::take(&redis, &mut client, "tasks.noop")?;
    let mut late = Template::take(&redis, &mut client, "tasks.late")?;
    let spec = WorkerSpec::new(prepared.venv.clone(), &folder).log_level(Some("WARNING"));
    let spec = environment.iter().fold(spec, |spec, (name, value)| spec.env(name, value));
    let spec = spec.args(&["--loop-workers=1", "--loop-concurrency=100", "--sync-workers=1"]);
    let mut workers = (0..command.workers)
        .map(|number| spec.clone().args(&["-n", &format!("bench{number}@%h")]).spawn())
        .collect::<Result<Vec<_>>>()?;
    let mut measured = Measured { before: 0.0, peak: 0.0, parking: 0.0, late: Vec::new() };
    steps.run(&format!("{WARM} tasks to warm up"), |_| {
        send(&redis, (0..WARM).map(|number| noop.message(number, &json!(number))))?;
        results(&redis, &mut workers, WARM, |_| ())?;
        measured.before = largest(&workers)?;
        Ok(())
    })?;
    steps.count(&format!("{} tasks that are due in an hour", command.far), command.far as u64, |step| {
        let began = Instant::now();
        let eta = client.call("checks:etas", json!([[now()? + 3600.0]]))?;
        noop.eta(eta[0].as_str().context("no ETA")?);
        for start in (0..command.far).step_by(10_000) {
            let numbers = start..(start + 10_000).min(command.far);
            send(&redis, numbers.map(|number| noop.message(WARM + number, &json!(number))))?;
            measured.peak = measured.peak.max(largest(&workers)?);
            step.position(start as u64);
        }
        parked(&redis, &mut workers, command.far, &mut measured.peak)?;
        measured.parking = began.elapsed().as_secs_f64();
        Ok(())
    })?;
    steps.run(&format!("{} tasks that are due within {SPREAD} s", command.due), |step| {
        let first = now()? + AHEAD;
        let dues: Vec<f64> =
            (0..command.due).map(|number| first + SPREAD * number as f64 / command.due as f64).collect();
        let etas = client.call("checks:etas", json!([dues]))?;
        let base = WARM + command.far;
        let messages = dues.iter().enumerate().map(|(number, due)| {
            late.eta(etas[number].as_str().context("no ETA")?);
            late.message(base + number, &json!(due))
        });
        send(&redis, messages)?;
        parked(&redis, &mut workers, command.far + command.due, &mut measured.peak)?;
        ensure!(now()? < first - 5.0, "it took too long to send the tasks: use fewer");
        wait_until(step, first - 5.0)?;
        results(&redis, &mut workers, WARM + command.due, |workers| {
            measured.peak = measured.peak.max(largest(workers).unwrap_or_default());
        })?;
        measured.late = lateness(&redis, base, command.due)?;
        Ok(())
    })?;
    for worker in &mut workers {
        worker.kill()?;
    }
    let grown = measured.peak - measured.before;
    let (p50, p99, most) = (measured.late_at(0.5), measured.late_at(0.99), measured.late_at(1.0));
    if command.json {
        let figures = json!({
            "far": command.far, "due": command.due, "workers": command.workers, "parking_s": measured.parking,
            "before_mb": measured.before, "peak_mb": measured.peak, "late_ms": {"p50": p50, "p99": p99, "max": most},
        });
        println!("{figures}");
    } else {
        println!(
            "{} far ETAs were parked in {:.0} s; the largest of {} workers grew from {:.1} MB by {grown:.1} MB.\n\
             {} tasks due within {SPREAD} s started late by {p50:.0} ms (median), {p99:.0} ms (99th percentile), \
             {most:.0} ms at most.\nCPython {}",
            command.far,
            measured.parking,
            command.workers,
            measured.before,
            command.due,
            prepared.interpreter.version(),
        );
    }
    let early = measured.late.first().is_some_and(|late| *late < 0.0);
    ensure!(!early, "a task started {:.3} s before it was due", -measured.late[0]);
    Ok(command.grow_at_most.is_none_or(|most| grown <= most)
        && command.late_at_most.is_none_or(|most| p99 <= most))
}

fn now() -> Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64())
}

fn wait_until(step: &Step, time: f64) -> Result<()> {
    loop {
        let left = time - now()?;
        if left <= 0.0 {
            return Ok(());
        }
        step.at(&format!("due in {left:.0} s"));
        std::thread::sleep(Duration::from_secs_f64(left.min(1.0)));
    }
}

fn send(redis: &RedisServer, messages: impl Iterator<Item = Result<String>>) -> Result<()> {
    let mut broker = redis.connect(0)?;
    let mut batch = Vec::with_capacity(BATCH);
    for message in messages {
        batch.push(message?);
        if batch.len() == BATCH {
            preload::push(&mut broker, &batch)?;
            batch.clear();
        }
    }
    if !batch.is_empty() {
        preload::push(&mut broker, &batch)?;
    }
    Ok(())
}

/// Resident memory of the largest worker in megabytes.
fn largest(workers: &[WorkerProcess]) -> Result<f64> {
    let mut most = 0;
    for worker in workers {
        most = most.max(process_tree::usage(worker.pid())?.resident);
    }
    Ok(most as f64 / 1e6)
}

/// Waits until so many are parked and nothing waits in the queue.
fn parked(redis: &RedisServer, workers: &mut [WorkerProcess], count: usize, peak: &mut f64) -> Result<()> {
    let mut broker = redis.connect(0)?;
    progress(workers, count, |workers| {
        *peak = peak.max(largest(workers)?);
        Ok(cmd("ZCARD").arg("celery-oxide.parked").query(&mut broker)?)
    })
}

/// Waits until so many results are stored.
fn results(
    redis: &RedisServer,
    workers: &mut [WorkerProcess],
    count: usize,
    mut meanwhile: impl FnMut(&[WorkerProcess]),
) -> Result<()> {
    let mut results = redis.connect(1)?;
    progress(workers, count, |workers| {
        meanwhile(workers);
        Ok(cmd("DBSIZE").query(&mut results)?)
    })
}

fn progress(
    workers: &mut [WorkerProcess],
    count: usize,
    mut look: impl FnMut(&[WorkerProcess]) -> Result<usize>,
) -> Result<()> {
    let mut latest = (0, Instant::now());
    loop {
        let found = look(workers)?;
        if found >= count {
            return Ok(());
        }
        if found > latest.0 {
            latest = (found, Instant::now());
        }
        for worker in &mut *workers {
            ensure!(worker.is_running()?, "a worker ended:\n{}", worker.log()?);
        }
        if latest.1.elapsed() > PATIENCE {
            let log = workers.first().map(WorkerProcess::log).transpose()?.unwrap_or_default();
            bail!("nothing has come for {PATIENCE:?}, after {found} of {count}:\n{log}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What the tasks measured themselves, in order.
fn lateness(redis: &RedisServer, base: usize, count: usize) -> Result<Vec<f64>> {
    let mut results = redis.connect(1)?;
    let mut late = Vec::with_capacity(count);
    for number in 0..count {
        let meta: String =
            cmd("GET").arg(format!("celery-task-meta-{}", task_id(base + number))).query(&mut results)?;
        let meta: Value = serde_json::from_str(&meta)?;
        late.push(meta["result"].as_f64().with_context(|| format!("no time in {meta}"))?);
    }
    late.sort_by(f64::total_cmp);
    Ok(late)
}
