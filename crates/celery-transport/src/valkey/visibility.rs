//! Messages of stock workers that are gone: kombu's visibility timeout.

use std::collections::HashMap;

use fred::{
    prelude::{Expiration, HashesInterface, KeysInterface, SetOptions},
    types::{Key, Value},
};
use serde::Deserialize;

use super::{batches::batches, bindings, reply, script, session::Session, triple::Triple};
use crate::Result;

/// Restores what has been unacknowledged for longer than the visibility timeout; how many messages that were.
///
/// What our workers hold is never that old: they re-score it. Without stock workers nobody else would do this.
///
/// Source: `kombu/transport/redis.py: QoS.restore_visible`, `Mutex`.
pub(super) async fn restore(session: &Session) -> Result<usize> {
    let connection = &session.commands;
    let client = connection.client();
    let token = uuid::Uuid::new_v4().simple().to_string();
    let expire = Expiration::PX(session.options.unacked_mutex_expire.as_millis() as i64);
    let locked: Value = client
        .set(&session.keys.unacked_mutex, token.as_str(), Some(expire), Some(SetOptions::NX), false)
        .await
        .map_err(|error| connection.error(&error))?;
    if locked.is_null() {
        return Ok(0);
    }
    let restored = restore_locked(session).await;
    connection.call(&script::UNLOCK, vec![session.keys.unacked_mutex.clone()], vec![token.into()]).await?;
    restored
}

async fn restore_locked(session: &Session) -> Result<usize> {
    let connection = &session.commands;
    let client = connection.client();
    let error = |error| connection.error(&error);
    let limit = session.options.unacked_restore_limit.map_or(-1, i64::from);
    let args =
        vec![Value::from(session.options.visibility_timeout.as_secs_f64().to_string()), Value::from(limit)];
    let found = connection.call(&script::INVISIBLE, vec![session.keys.unacked_index.clone()], args).await?;
    // The newest first, each to the front: the oldest is served next.
    let found = reply::strings(reply::elements(found));
    let Some((ceiling, tags)) = found.split_first() else { return Ok(0) };
    let mut restored = 0;
    for batch in batches(connection, &session.keys.unacked, tags, |tag| tag).await? {
        let fields: Vec<Key> = batch.iter().map(Key::from).collect();
        let triples: Value = client.hmget(&session.keys.unacked, fields).await.map_err(error)?;
        let mut args = vec![Value::from(ceiling.as_str())];
        let mut tables = HashMap::new();
        for (tag, triple) in batch.iter().zip(reply::elements(triples)) {
            let Some(triple) = reply::bytes(triple) else {
                // Nothing to put back, only the index to clean: kombu does the same.
                args.extend([Value::from(tag.as_str()), Value::from(""), Value::from(0)]);
                continue;
            };
            let triple = match Triple::parse(&triple) {
                Ok(triple) => triple,
                Err(error) => {
                    tracing::error!("{tag} stays in unacked: its entry cannot be read: {error}");
                    continue;
                }
            };
            let lists = lists(session, &triple, &mut tables).await?;
            if lists.is_empty() {
                tracing::error!(
                    "{tag} stays in unacked: no queue is bound to exchange {:?} with routing key {:?}",
                    triple.exchange,
                    triple.routing_key
                );
                continue;
            }
            args.extend([
                Value::from(tag.as_str()),
                Value::Bytes(triple.redelivered()),
                Value::from(lists.len() as i64),
            ]);
            args.extend(lists.into_iter().map(Value::from));
        }
        let keys = vec![session.keys.unacked.clone(), session.keys.unacked_index.clone()];
        let count = connection.call(&script::RESTORE, keys, args).await?.as_u64().unwrap_or_default();
        restored += count as usize;
    }
    Ok(restored)
}

/// The lists that a message goes back to.
///
/// Source: `kombu/transport/virtual/base.py: Channel._lookup`.
async fn lists(
    session: &Session,
    triple: &Triple,
    tables: &mut HashMap<String, Vec<String>>,
) -> Result<Vec<Key>> {
    let queues = if triple.exchange.is_empty() {
        vec![triple.routing_key.clone()]
    } else {
        if !tables.contains_key(&triple.exchange) {
            let read = bindings::read(&session.commands, &session.keys, &[&triple.exchange]).await;
            let table = read.into_iter().next().transpose()?.unwrap_or_default();
            tables.insert(triple.exchange.clone(), table.members);
        }
        let queues = bindings::lookup(&session.keys, &tables[&triple.exchange], &triple.routing_key);
        if queues.is_empty() { session.options.deadletter_queue.iter().cloned().collect() } else { queues }
    };
    let priority = priority(&triple.raw);
    Ok(queues.iter().map(|queue| session.keys.list_for(queue, priority)).collect())
}

/// The priority that an envelope names, 0 if none.
///
/// Source: `kombu/transport/virtual/base.py: Channel._get_message_priority`.
fn priority(raw: &[u8]) -> u8 {
    #[derive(Deserialize)]
    struct Envelope {
        properties: Properties,
    }
    #[derive(Deserialize)]
    struct Properties {
        priority: Option<i64>,
    }
    serde_json::from_slice::<Envelope>(raw)
        .ok()
        .and_then(|envelope| envelope.properties.priority)
        .map_or(0, |priority| priority.clamp(0, 9) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priority_is_clamped_as_in_kombu() {
        assert_eq!(priority(br#"{"properties": {"priority": 5}}"#), 5);
        assert_eq!(priority(br#"{"properties": {"priority": 255}}"#), 9);
        assert_eq!(priority(br#"{"properties": {"priority": -1}}"#), 0);
        assert_eq!(priority(br#"{"properties": {"priority": null}}"#), 0);
        assert_eq!(priority(b"no envelope"), 0);
    }
}
