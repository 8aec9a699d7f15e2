//! What a dead worker held, as the server knows it.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result};
use redis::{Connection, cmd};
use serde_json::Value;

use crate::preload;
use crate::redis::RedisServer;
use crate::wait;

/// The workers that were dead before, by the ids of their leases.
#[derive(Debug, Default)]
pub(super) struct Dead(HashSet<String>);

impl Dead {
    /// The tasks that are leased to who joined since the last call: the worker that was killed now. Its last words have
    /// arrived when the server has no connection but ours any more.
    pub(super) fn held(&mut self, redis: &RedisServer) -> Result<HashSet<usize>> {
        let mut broker = redis.connect(0)?;
        wait::until_true("the connections of the dead worker to end", Duration::from_secs(20), || {
            let clients: String = cmd("CLIENT").arg("LIST").query(&mut broker)?;
            Ok(clients.trim_end().lines().count() == 1)
        })?;
        let workers: Vec<String> =
            cmd("ZRANGE").arg("celery-oxide.workers").arg(0).arg(-1).query(&mut broker)?;
        let mut held = HashSet::new();
        for worker in workers {
            if self.0.insert(worker.clone()) {
                held.extend(leased(&mut broker, &worker)?);
            }
        }
        Ok(held)
    }
}

fn leased(broker: &mut Connection, worker: &str) -> Result<Vec<usize>> {
    let tags: Vec<String> = cmd("HKEYS").arg(format!("celery-oxide.worker.{worker}")).query(broker)?;
    if tags.is_empty() {
        return Ok(Vec::new());
    }
    let triples: Vec<String> = cmd("HMGET").arg("unacked").arg(&tags).query(broker)?;
    triples.iter().map(|triple| task_of(triple)).collect()
}

/// The number of the task in `[envelope, exchange, routing key]`.
fn task_of(triple: &str) -> Result<usize> {
    let triple: Value = serde_json::from_str(triple).context("an entry of unacked is not JSON")?;
    let id = triple[0]["headers"]["id"].as_str().unwrap_or_default();
    preload::number_of(id).with_context(|| format!("{id:?} is no task of this run"))
}
