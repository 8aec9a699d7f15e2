//! What the broker can do at most: the commands of a task, by clients that do nothing else.
//!
//! For each task those that kombu's bookkeeping and Celery's result need: the message leaves the queue and enters the
//! unacknowledged set (RPOP, ZADD, HSET), the result is stored and told (SET with an expiry, PUBLISH), and the message is
//! forgotten (ZREM, HDEL). Many tasks are in one pipeline, a command names many of them where it can, and two clients
//! take turns, so that the server never waits for one.

use std::time::Instant;

use anyhow::{Result, anyhow};
use celery_oxide_tests::redis::RedisServer;

use super::queue::{QUEUE, envelope, fill, id};

/// How many tasks are in one pipeline.
const BATCH: usize = 256;

/// How many clients there are.
const CLIENTS: usize = 2;

/// Tasks per second.
pub(crate) fn measure(tasks: usize) -> Result<f64> {
    let redis = RedisServer::start()?;
    fill(&redis, tasks)?;
    let started = Instant::now();
    let share = tasks.div_ceil(CLIENTS);
    std::thread::scope(|scope| {
        let client = |number: usize| {
            let redis = &redis;
            let own = number * share..tasks.min((number + 1) * share);
            scope.spawn(move || carry_out(redis, own))
        };
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        let join = |client: std::thread::ScopedJoinHandle<'_, Result<()>>| {
            client.join().map_err(|_| anyhow!("a client panicked"))?
        };
        clients.into_iter().try_for_each(join)
    })?;
    Ok(tasks as f64 / started.elapsed().as_secs_f64())
}

/// The commands of these tasks.
fn carry_out(redis: &RedisServer, tasks: std::ops::Range<usize>) -> Result<()> {
    let mut broker = redis.connect(0)?;
    let mut results = redis.connect(1)?;
    // Made before: the client is not what is measured.
    let held = envelope(0);
    let meta = |id: &str| {
        format!(
            r#"{{"status": "SUCCESS", "result": null, "traceback": null, "children": [], "date_done": "2026-11-25T12:00:00.000000+00:00", "task_id": "{id}"}}"#
        )
    };
    for from in tasks.clone().step_by(BATCH) {
        let ids: Vec<String> = (from..tasks.end.min(from + BATCH)).map(id).collect();
        let mut index = redis::cmd("ZADD");
        let mut hold = redis::cmd("HSET");
        index.arg("unacked_index");
        hold.arg("unacked");
        let mut store = redis::pipe();
        for id in &ids {
            index.arg(1).arg(id);
            hold.arg(id).arg(&held);
            let key = format!("celery-task-meta-{id}");
            let meta = meta(id);
            store.cmd("SET").arg(&key).arg(&meta).arg("EX").arg(86_400).ignore();
            store.cmd("PUBLISH").arg(&key).arg(&meta).ignore();
        }
        let mut fetch = redis::pipe();
        fetch.cmd("RPOP").arg(QUEUE).arg(ids.len()).ignore();
        fetch.add_command(index).ignore().add_command(hold).ignore();
        let mut forget = redis::pipe();
        forget.cmd("ZREM").arg("unacked_index").arg(&ids).ignore();
        forget.cmd("HDEL").arg("unacked").arg(&ids).ignore();
        fetch.query::<()>(&mut broker)?;
        store.query::<()>(&mut results)?;
        forget.query::<()>(&mut broker)?;
    }
    Ok(())
}
