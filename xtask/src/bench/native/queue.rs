//! A queue full of tasks that do nothing, and how fast it empties.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use celery_oxide_tests::redis::RedisServer;
use celery_oxide_tests::service::Service;
use redis::cmd;
use serde_json::json;

use crate::steps::Step;

/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(5);

/// How long nothing may happen before a run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The queue.
pub(crate) const QUEUE: &str = "celery";

/// The id of a task.
pub(crate) fn id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A message of the task `bench.noop`, as Celery sends it without arguments.
pub(crate) fn envelope(number: usize) -> String {
    let body =
        STANDARD.encode(r#"[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]"#);
    let id = id(number);
    json!({
        "body": body, "content-encoding": "utf-8", "content-type": "application/json",
        "headers": {
            "lang": "py", "task": "bench.noop", "id": id, "shadow": null, "eta": null, "expires": null, "group": null,
            "group_index": null, "retries": 0, "timelimit": [null, null], "root_id": id, "parent_id": null,
            "argsrepr": "()", "kwargsrepr": "{}", "origin": "gen1@bench", "ignore_result": false,
            "replaced_task_nesting": 0, "stamped_headers": null, "stamps": {},
        },
        "properties": {
            "correlation_id": id, "reply_to": "c5a8a6b0-5f3e-3d4a-8f57-bd1d3f7c4b10", "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": QUEUE}, "priority": 0, "body_encoding": "base64",
            "delivery_tag": id,
        },
    })
    .to_string()
}

/// Puts so many tasks into the queue.
pub(crate) fn fill(redis: &RedisServer, tasks: usize) -> Result<()> {
    let mut connection = redis.connect(0)?;
    for from in (0..tasks).step_by(1_000) {
        let mut pipeline = redis::pipe();
        for number in from..tasks.min(from + 1_000) {
            pipeline.cmd("LPUSH").arg(QUEUE).arg(envelope(number)).ignore();
        }
        pipeline.query::<()>(&mut connection)?;
    }
    Ok(())
}

/// Waits until `done` says that all are done; gives the tasks per second from the first to the last.
pub(crate) fn watch(
    step: &Step,
    worker: &mut Service,
    tasks: usize,
    mut done: impl FnMut() -> Result<usize>,
) -> Result<f64> {
    let mut first = None;
    let mut latest = (0, Instant::now());
    loop {
        let count = done()?;
        let now = Instant::now();
        if count > 0 && first.is_none() {
            first = Some((count, now));
        }
        if let (Some((begun, at)), true) = (first, count >= tasks) {
            if begun >= tasks {
                bail!("all {tasks} tasks were done at the first look: take more");
            }
            return Ok((tasks - begun) as f64 / now.duration_since(at).as_secs_f64());
        }
        if count > latest.0 {
            latest = (count, now);
            step.position(count as u64);
        }
        worker.ensure_running()?;
        if latest.1.elapsed() > PATIENCE {
            bail!(
                "nothing has happened for {PATIENCE:?}, after {count} of {tasks}; the worker wrote:\n{}",
                worker.log()?
            );
        }
        std::thread::sleep(INTERVAL);
    }
}

/// How many of so many tasks are neither in the queue nor held by a worker.
pub(crate) fn gone(redis: &RedisServer, queue: &str, tasks: usize) -> Result<impl FnMut() -> Result<usize>> {
    let mut connection = redis.connect(0)?;
    let queue = queue.to_owned();
    Ok(move || {
        let waiting: usize = cmd("LLEN").arg(&queue).query(&mut connection)?;
        let held: usize = cmd("HLEN").arg("unacked").query(&mut connection)?;
        Ok(tasks.saturating_sub(waiting + held))
    })
}
