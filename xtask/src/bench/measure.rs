//! One run of one worker over a full queue.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::paths;
use celery_oxide_tests::preload;
use celery_oxide_tests::rabbitmq::RabbitMq;
use celery_oxide_tests::redis::RedisServer;
use celery_oxide_tests::venv::Venv;
use celery_oxide_tests::worker::{Front, WorkerProcess, WorkerSpec};
use redis::cmd;
use serde::Serialize;
use serde_json::json;

use crate::bench::monitor::Counter;
use crate::bench::process_tree;
use crate::bench::rabbitmq;
use crate::broker::Broker;
use crate::steps::Step;

/// How often the number of results is looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// How often memory is looked at: seldom, since that reads all of /proc.
const MEMORY_INTERVAL: Duration = Duration::from_millis(250);

/// How long no result may come before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many results a stock client reads.
const CHECKED: usize = 1_000;

/// A worker that is measured.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) front: Front,
    pub(crate) options: &'static [&'static str],
    pub(crate) task: &'static str,
    pub(crate) tasks: usize,
}

/// What one run gave.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    /// Results per second, from the first to the last.
    pub(crate) rate: f64,
    /// CPU seconds of the worker's process tree per 1,000 tasks, in the same span.
    pub(crate) cpu: f64,
    /// Peak resident memory of the process tree in megabytes.
    pub(crate) peak: f64,
}

/// Fills a queue of a fresh broker, starts the worker, and measures until all results are there.
pub(crate) fn run(step: &Step, venv: &Venv, peer: &Peer, broker: Broker) -> Result<Sample> {
    Ok(measure(step, venv, peer, broker, None)?.0)
}

/// Where the apps are.
pub(crate) fn folder() -> PathBuf {
    paths::workspace().join("xtask").join("bench")
}

/// What the apps read.
pub(crate) fn environment(broker: &str, redis: &RedisServer) -> Vec<(String, String)> {
    vec![("BROKER_URL".to_owned(), broker.to_owned()), ("RESULT_URL".to_owned(), redis.url(1))]
}

fn spec(venv: &Venv, peer: &Peer, environment: &[(String, String)]) -> WorkerSpec {
    let spec = WorkerSpec::new(venv.clone(), folder()).front(peer.front).log_level(Some("WARNING"));
    environment.iter().fold(spec.args(peer.options), |spec, (name, value)| spec.env(name, value))
}

/// The same while a monitor that `watch` starts counts events. Gives their number, too.
pub(crate) fn run_watched(
    step: &Step,
    venv: &Venv,
    peer: &Peer,
    watch: fn(&RedisServer) -> Result<Counter>,
) -> Result<(Sample, u64)> {
    measure(step, venv, peer, Broker::Redis, Some(watch))
}

fn measure(
    step: &Step,
    venv: &Venv,
    peer: &Peer,
    broker: Broker,
    monitor: Option<fn(&RedisServer) -> Result<Counter>>,
) -> Result<(Sample, u64)> {
    let redis = RedisServer::start()?;
    let rabbitmq = (broker == Broker::Amqp).then(RabbitMq::start).transpose()?;
    let url = rabbitmq.as_ref().map_or_else(|| redis.url(0), RabbitMq::url);
    let environment = environment(&url, &redis);
    let mut client = Client::start(venv, &folder(), &environment)?;
    match broker {
        Broker::Redis => preload::fill(&redis, &mut client, &[peer.task], peer.tasks)?,
        Broker::Amqp => rabbitmq::fill(&mut client, peer.task, peer.tasks)?,
    }
    let counter = monitor.map(|monitor| monitor(&redis)).transpose()?;
    let mut worker = spec(venv, peer, &environment).spawn()?;
    let sample = watch(step, &redis, &mut worker, peer.tasks)
        .with_context(|| format!("{}, which wrote:\n{}", peer.name, worker.log().unwrap_or_default()))?;
    check(&mut client, peer.tasks)?;
    let seen = counter.map_or(Ok(0), Counter::finish)?;
    worker.kill()?;
    Ok((sample, seen))
}

/// Looks at the number of results, which have a database of their own, so that the observation costs every peer the
/// same next to nothing.
fn watch(step: &Step, redis: &RedisServer, worker: &mut WorkerProcess, tasks: usize) -> Result<Sample> {
    let mut results = redis.connect(1)?;
    let mut first = None;
    let mut peak = 0;
    let mut latest = (0, Instant::now());
    let mut memory_seen = Instant::now();
    loop {
        let stored: usize = cmd("DBSIZE").query(&mut results)?;
        let now = Instant::now();
        let begins = stored > 0 && first.is_none();
        let ends = stored >= tasks;
        if begins || ends || memory_seen.elapsed() > MEMORY_INTERVAL {
            memory_seen = now;
            let usage = process_tree::usage(worker.pid())?;
            peak = peak.max(usage.resident);
            if begins {
                first = Some((stored, now, usage.cpu));
            }
            if let (true, Some((stored_first, started, cpu))) = (ends, first) {
                ensure!(
                    tasks > stored_first,
                    "all {tasks} results were there at the first look: take more tasks"
                );
                let count = (tasks - stored_first) as f64;
                return Ok(Sample {
                    rate: count / now.duration_since(started).as_secs_f64(),
                    cpu: (usage.cpu - cpu) / count * 1_000.0,
                    peak: peak as f64 / 1e6,
                });
            }
        }
        if stored > latest.0 {
            latest = (stored, now);
            step.position(stored as u64);
        }
        if !worker.is_running()? {
            bail!("the worker ended after {stored} of {tasks} results");
        }
        if latest.1.elapsed() > PATIENCE {
            bail!("no result has come for {PATIENCE:?}, after {stored} of {tasks}");
        }
        std::thread::sleep(INTERVAL);
    }
}

/// Lets a stock client read values from all over the run.
fn check(client: &mut Client, tasks: usize) -> Result<()> {
    let count = CHECKED.min(tasks);
    let pairs: Vec<_> = (0..count)
        .map(|index| index * tasks / count)
        .map(|number| json!([preload::task_id(number), number]))
        .collect();
    let wrong = client.call("checks:wrong", json!([pairs]))?;
    ensure!(wrong == 0, "{wrong} of {count} values are wrong");
    Ok(())
}
