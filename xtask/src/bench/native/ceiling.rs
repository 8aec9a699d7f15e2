//! What the broker can do at most: the commands of a task, by a client that does nothing else.
//!
//! For each task those that kombu's bookkeeping and Celery's result need: the message leaves the queue and enters the
//! unacknowledged set (RPOP, ZADD, HSET), the result is stored and told (SET with an expiry, PUBLISH), and the message is
//! forgotten (ZREM, HDEL). Many tasks are in one pipeline, so round trips count for nothing.

use std::time::Instant;

use anyhow::Result;
use celery_oxide_tests::redis::RedisServer;

use super::queue::{QUEUE, envelope, fill, id};

/// How many tasks are in one pipeline.
const BATCH: usize = 256;

/// Tasks per second.
pub(crate) fn measure(tasks: usize) -> Result<f64> {
    let redis = RedisServer::start()?;
    fill(&redis, tasks)?;
    let mut broker = redis.connect(0)?;
    let mut results = redis.connect(1)?;
    // Made before: the client is not what is measured.
    let held = envelope(0);
    let meta = |id: &str| {
        format!(
            r#"{{"status": "SUCCESS", "result": null, "traceback": null, "children": [], "date_done": "2026-11-25T12:00:00.000000+00:00", "task_id": "{id}"}}"#
        )
    };
    let started = Instant::now();
    for from in (0..tasks).step_by(BATCH) {
        let numbers = from..tasks.min(from + BATCH);
        let mut fetch = redis::pipe();
        let mut store = redis::pipe();
        let mut forget = redis::pipe();
        for number in numbers {
            let id = id(number);
            fetch.cmd("RPOP").arg(QUEUE).ignore();
            fetch.cmd("ZADD").arg("unacked_index").arg(1).arg(&id).ignore();
            fetch.cmd("HSET").arg("unacked").arg(&id).arg(&held).ignore();
            let key = format!("celery-task-meta-{id}");
            let meta = meta(&id);
            store.cmd("SET").arg(&key).arg(&meta).arg("EX").arg(86_400).ignore();
            store.cmd("PUBLISH").arg(&key).arg(&meta).ignore();
            forget.cmd("ZREM").arg("unacked_index").arg(&id).ignore();
            forget.cmd("HDEL").arg("unacked").arg(&id).ignore();
        }
        fetch.query::<()>(&mut broker)?;
        store.query::<()>(&mut results)?;
        forget.query::<()>(&mut broker)?;
    }
    Ok(tasks as f64 / started.elapsed().as_secs_f64())
}
