//! What a dead worker held, as the server knows it.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result};
use redis::{Connection, cmd};
use serde_json::Value;

use crate::preload;
use crate::redis::RedisServer;
use crate::wait;

/// The leases of the workers that are dead.
#[derive(Debug, Default)]
pub(super) struct Dead {
    known: HashSet<String>,
    /// Those that still hold messages, with the numbers of their incarnations.
    holding: Vec<(usize, String)>,
}

impl Dead {
    /// The tasks that are leased to who joined since the last call: incarnation `number`, which was killed now. Its last
    /// words have arrived when the server has no connection but ours any more.
    pub(super) fn held(&mut self, redis: &RedisServer, number: usize) -> Result<HashSet<usize>> {
        let mut broker = redis.connect(0)?;
        wait::until_true("the connections of the dead worker to end", Duration::from_secs(20), || {
            let clients: String = cmd("CLIENT").arg("LIST").query(&mut broker)?;
            Ok(clients.trim_end().lines().count() == 1)
        })?;
        let workers: Vec<String> =
            cmd("ZRANGE").arg("celery-oxide.workers").arg(0).arg(-1).query(&mut broker)?;
        let mut held = HashSet::new();
        for worker in workers {
            if self.known.insert(worker.clone()) {
                held.extend(leased(&mut broker, &worker)?);
                self.holding.push((number, worker));
            }
        }
        Ok(held)
    }

    /// The incarnations whose messages are all back in their queue since the last call.
    pub(super) fn returned(&mut self, redis: &RedisServer) -> Result<Vec<usize>> {
        if self.holding.is_empty() {
            return Ok(Vec::new());
        }
        let mut broker = redis.connect(0)?;
        let mut returned = Vec::new();
        for (number, worker) in std::mem::take(&mut self.holding) {
            if cmd("EXISTS").arg(format!("celery-oxide.worker.{worker}")).query(&mut broker)? {
                self.holding.push((number, worker));
            } else {
                returned.push(number);
            }
        }
        Ok(returned)
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
