//! Putting messages back where they came from.

use celery_valkey::Connection;
use fred::{
    prelude::HashesInterface,
    types::{Key, Value},
};

use super::{reply, script, session::Session, triple::Triple};
use crate::Result;

/// How many messages go back in one script.
const BATCH: usize = 128;

/// Where in its queue a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Served after all others, as kombu's `basic.reject(requeue=True)` does; in a sorted set after all others of its
    /// priority.
    End,
    /// Served next, as kombu does at shutdown; in a sorted set where it was.
    Front,
    /// The same for what certainly was not started: it does not count as a delivery where deliveries are counted.
    Unstarted,
}

impl Place {
    /// As `give_back.lua` knows it.
    fn name(self) -> &'static str {
        match self {
            Self::End => "END",
            Self::Front => "FRONT",
            Self::Unstarted => "UNSTARTED",
        }
    }
}

/// How many round trips it takes to put so many messages back.
pub(super) fn round_trips(messages: usize) -> u64 {
    2 * messages.div_ceil(BATCH) as u64
}

/// Puts `tags` of `lease` back, in this order, marked as redelivered. Returns how many were still held.
///
/// `ended` is the worker whose lease must have ended; `None` for the caller's own. When it turns out to be valid again,
/// the rest stays with it.
pub(super) async fn give_back(
    session: &Session,
    connection: &Connection,
    lease: &Key,
    ended: Option<&str>,
    tags: &[(&str, Place)],
) -> Result<usize> {
    let keys = &session.keys;
    let mut given = 0;
    for batch in tags.chunks(BATCH) {
        let fields: Vec<Key> = batch.iter().map(|(tag, _)| Key::from(*tag)).collect();
        let triples: Value = connection
            .client()
            .hmget(&keys.unacked, fields)
            .await
            .map_err(|error| connection.error(&error))?;
        let mut args = vec![
            Value::from(ended.unwrap_or_default()),
            Value::from(keys.prefix()),
            Value::from(session.options.sorted_margin()),
        ];
        for ((tag, place), triple) in batch.iter().zip(reply::elements(triples)) {
            let raw = reply::bytes(triple).and_then(|triple| match Triple::parse(&triple) {
                Ok(triple) => Some(triple.redelivered()),
                Err(error) => {
                    tracing::error!("{tag} stays in unacked: its entry cannot be read: {error}");
                    None
                }
            });
            args.extend([
                Value::from(*tag),
                Value::from(place.name()),
                Value::from(if raw.is_some() { "1" } else { "0" }),
                Value::Bytes(raw.unwrap_or_default()),
            ]);
        }
        let script_keys =
            vec![keys.unacked.clone(), keys.unacked_index.clone(), lease.clone(), keys.workers.clone()];
        let count =
            connection.call(&script::GIVE_BACK, script_keys, args).await?.as_i64().unwrap_or_default();
        match usize::try_from(count) {
            Ok(count) => given += count,
            Err(_) => break,
        }
    }
    Ok(given)
}
