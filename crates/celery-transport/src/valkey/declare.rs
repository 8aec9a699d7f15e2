//! Binding queues to their exchanges, and removing them.

use std::{collections::BTreeMap, time::Duration};

use celery_valkey::Connection;
use fred::{
    prelude::KeysInterface,
    types::{Key, Value},
};

use super::{fetch::older_layout, keys::Keys, reply, script};
use crate::{Error, Queue, Result};

/// How many messages of a sorted set one script removes: it holds up all clients of the server.
const BATCH: i64 = 1000;
/// For how long at least kombu keeps the bindings of queues that go away by themselves.
const SHORTEST_BINDING: Duration = Duration::from_secs(3600);

/// Binds queues to their exchanges: one round trip for each exchange.
///
/// A table that is a sorted set stays one. Its producers are celery-redis-plus's or celery-asyncio's, which one line says:
/// stock ones fail there. Returns whether there is such a table.
///
/// Source: `kombu/transport/redis.py: Channel._queue_bind`, `Channel._binding_ttl`.
pub(super) async fn declare(connection: &Connection, keys: &Keys, queues: &[Queue]) -> Result<bool> {
    let mut exchanges: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for queue in queues.iter().filter(|queue| !queue.exchange.is_empty()) {
        let kept = queue.expires.map(|expires| (2 * expires.as_millis()).max(SHORTEST_BINDING.as_millis()));
        let kept = kept.map_or_else(String::new, |kept| kept.to_string());
        exchanges
            .entry(&queue.exchange)
            .or_default()
            .extend([Value::from(keys.binding(queue)), Value::from(kept)]);
    }
    let mut sorted = Vec::new();
    for (exchange, bindings) in exchanges {
        let [table, permanent] = keys.bindings(exchange);
        let mut args = vec![Value::from(exchange)];
        args.extend(bindings);
        let keys = vec![table, permanent, keys.binding_deadlines()];
        if connection.call(&script::BIND, keys, args).await?.as_i64() == Some(1) {
            sorted.push(exchange);
        }
    }
    if !sorted.is_empty() {
        tracing::info!(
            "{}: the bindings of {sorted:?} are sorted sets: the producers there are those of celery-redis-plus or \
             celery-asyncio. Stock kombu producers fail on them, they need another database or global_keyprefix",
            connection.url()
        );
    }
    Ok(!sorted.is_empty())
}

/// Refuses queues that are bound to fanout exchanges: those are not kept in lists.
pub(super) fn refuse_fanout(url: &str, queues: &[Queue]) -> Result<()> {
    match queues.iter().find(|queue| queue.exchange_type == "fanout") {
        None => Ok(()),
        Some(queue) => Err(Error::Refused {
            url: url.to_owned(),
            reason: format!(
                "queue {:?} is bound to a fanout exchange, which cannot be consumed yet",
                queue.name
            ),
        }),
    }
}

/// Refuses a database in which celery-redis-plus 0.2 keeps its messages.
pub(super) async fn refuse_older_layout(
    connection: &Connection,
    keys: &Keys,
    queues: &[Queue],
) -> Result<()> {
    let kind: String =
        connection.client().r#type(keys.shared_index()).await.map_err(|error| connection.error(&error))?;
    if kind != "zset" {
        return Ok(());
    }
    let queue = queues.first().map_or("", |queue| &queue.name);
    Err(Error::Refused { url: connection.url().to_owned(), reason: older_layout(queue) })
}

/// Removes queues with their bindings and whatever is in them.
///
/// Source: `kombu/transport/redis.py: Channel._delete`.
pub(super) async fn delete(connection: &Connection, keys: &Keys, queues: &[Queue]) -> Result<()> {
    for queue in queues {
        let bindings = keys.bindings(&queue.exchange);
        remove(connection, keys, &queue.name, &bindings, &keys.binding(queue)).await?;
    }
    Ok(())
}

/// Removes what waits in `queue`; how many messages that were.
///
/// Source: `kombu/transport/redis.py: Channel._purge`.
pub(super) async fn purge(connection: &Connection, keys: &Keys, queue: &str) -> Result<u64> {
    remove(connection, keys, queue, &[], "").await
}

async fn remove(
    connection: &Connection,
    keys: &Keys,
    queue: &str,
    bindings: &[Key],
    binding: &str,
) -> Result<u64> {
    let mut all = vec![keys.sorted(queue), keys.sorted_index(queue)];
    all.extend(bindings.iter().cloned());
    let others = all.len().to_string();
    all.extend(keys.lists(queue));
    let (mut count, mut passed) = (0, 0);
    loop {
        let mut args = [keys.prefix(), binding, &others].map(Value::from).to_vec();
        args.extend([Value::from(BATCH), Value::from(passed)]);
        let reply = connection.call(&script::REMOVE, all.clone(), args).await?;
        let mut numbers =
            reply::elements(reply).into_iter().map(|number| number.as_i64().unwrap_or_default());
        count += u64::try_from(numbers.next().unwrap_or_default()).unwrap_or_default();
        match numbers.next() {
            Some(more) if more >= 0 => passed = more,
            _ => return Ok(count),
        }
    }
}
