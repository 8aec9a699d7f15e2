//! Putting messages back where they came from.

use bytes::Bytes;
use celery_valkey::Connection;
use fred::{
    prelude::HashesInterface,
    types::{Key, Value},
};

use super::{
    batches::{self, batches},
    dead::Dead,
    origin::Origin,
    reply, script,
    session::Session,
    triple::Triple,
};
use crate::Result;

/// Where in its queue a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Served after all others, as kombu's `basic.reject(requeue=True)` does; in a sorted set after all others of its
    /// priority. It counts as a delivery.
    End,
    /// Served next, as kombu does at shutdown; in a sorted set where it was. It counts as a delivery.
    Front,
    /// The same for what certainly was not started: it does not count.
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

    fn counts(self) -> bool {
        self != Self::Unstarted
    }
}

/// How many round trips it takes to put so many small messages back.
pub(super) fn round_trips(messages: usize) -> u64 {
    if messages == 0 { 0 } else { 1 + 2 * batches::count(messages) as u64 }
}

/// What the script is told of one message.
#[derive(Default)]
struct Return {
    /// The bytes for a list, `None` when there are none that could be read.
    raw: Option<Bytes>,
    dead: Option<Dead>,
}

/// Puts `tags` of `lease` back, in this order, marked as redelivered; those that were delivered too often go to a dead-letter
/// queue. Returns how many were still held.
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
    for batch in batches(connection, &keys.unacked, tags, |(tag, _)| tag).await? {
        let returns = read(session, connection, lease, batch).await?;
        let mut args = vec![
            Value::from(ended.unwrap_or_default()),
            Value::from(keys.prefix()),
            Value::from(session.options.sorted_margin()),
        ];
        for ((tag, place), Return { raw, dead }) in batch.iter().zip(&returns) {
            let known = raw.is_some() || dead.is_some();
            let raw = dead.as_ref().map(|dead| &dead.raw).or(raw.as_ref());
            args.extend([
                Value::from(*tag),
                Value::from(place.name()),
                Value::from(if known { "1" } else { "0" }),
                Value::Bytes(raw.cloned().unwrap_or_default()),
                Value::from(dead.as_ref().map_or("", |dead| &dead.target)),
            ]);
        }
        let script_keys =
            vec![keys.unacked.clone(), keys.unacked_index.clone(), lease.clone(), keys.workers.clone()];
        let reply = connection.call(&script::GIVE_BACK, script_keys, args).await?;
        let mut values = reply::elements(reply).into_iter();
        let count = values.next().and_then(|value| value.as_i64()).unwrap_or_default();
        let Ok(count) = usize::try_from(count) else { break };
        given += count;
        let died = values.filter_map(|value| value.as_usize()).filter_map(|place| returns.get(place - 1));
        died.filter_map(|gone| gone.dead.as_ref()).for_each(Dead::say);
    }
    Ok(given)
}

/// Reads what goes back: one round trip, two with messages of sorted sets, three when some of those are dead.
async fn read(
    session: &Session,
    connection: &Connection,
    lease: &Key,
    batch: &[(&str, Place)],
) -> Result<Vec<Return>> {
    let keys = &session.keys;
    let fields: Vec<Key> = batch.iter().map(|(tag, _)| Key::from(*tag)).collect();
    let pipeline = connection.client().pipeline();
    // A command of a pipeline is only written down here: its answer comes with the others.
    let _: std::result::Result<(), _> = pipeline.hmget(&keys.unacked, fields.clone()).await;
    let _: std::result::Result<(), _> = pipeline.hmget(lease, fields).await;
    let mut answers = pipeline.try_all::<Value>().await.into_iter();
    let mut answer = || match answers.next() {
        Some(answer) => Ok(reply::elements(answer.map_err(|error| connection.error(&error))?)),
        None => Ok::<_, crate::Error>(Vec::new()),
    };
    let (triples, origins) = (answer()?, answer()?);
    let mut returns = Vec::with_capacity(batch.len());
    let mut sorted = Vec::new();
    for ((index, (tag, place)), (triple, origin)) in
        batch.iter().enumerate().zip(triples.into_iter().zip(origins))
    {
        let mut one = Return::default();
        match reply::bytes(origin).map(Origin::read) {
            Some(Origin::List(list)) => {
                if let Some(triple) = reply::bytes(triple) {
                    one = from_list(session, tag, *place, &list, &triple);
                }
            }
            Some(Origin::Sorted { queue, tag }) if place.counts() => sorted.push((index, queue, tag)),
            _ => {}
        }
        returns.push(one);
    }
    for (index, dead) in from_sorted(session, connection, sorted).await? {
        returns[index].dead = Some(dead);
    }
    Ok(returns)
}

fn from_list(session: &Session, tag: &str, place: Place, list: &Key, triple: &[u8]) -> Return {
    let triple = match Triple::parse(triple) {
        Ok(triple) => triple,
        Err(error) => {
            tracing::error!("{tag} stays in unacked: its entry cannot be read: {error}");
            return Return::default();
        }
    };
    if !place.counts() {
        return Return { raw: Some(triple.redelivered()), dead: None };
    }
    let (raw, count) = triple.delivered();
    let dead = Dead::of(&raw, &session.keys.queue_of(list), count, &session.options);
    Return { raw: Some(raw), dead }
}

/// Those messages of sorted sets that were delivered too often. The script counts the others.
async fn from_sorted(
    session: &Session,
    connection: &Connection,
    messages: Vec<(usize, String, String)>,
) -> Result<Vec<(usize, Dead)>> {
    let Some(limit) = session.options.delivery_limit.filter(|_| !messages.is_empty()) else {
        return Ok(Vec::new());
    };
    let counts = fields(session, connection, &messages, "delivery_count").await?;
    let count = |count: Value| {
        u32::try_from(count.as_u64().unwrap_or_default()).unwrap_or(u32::MAX).saturating_add(1)
    };
    let (dying, counts): (Vec<_>, Vec<_>) =
        messages.into_iter().zip(counts.into_iter().map(count)).filter(|(_, count)| *count >= limit).unzip();
    let payloads = fields(session, connection, &dying, "payload").await?;
    let dead =
        dying.into_iter().zip(counts).zip(payloads).filter_map(|(((index, queue, _), count), payload)| {
            Some((index, Dead::of(&reply::bytes(payload)?, &queue, count, &session.options)?))
        });
    Ok(dead.collect())
}

async fn fields(
    session: &Session,
    connection: &Connection,
    messages: &[(usize, String, String)],
    field: &str,
) -> Result<Vec<Value>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let pipeline = connection.client().pipeline();
    for (_, _, tag) in messages {
        let _: std::result::Result<(), _> = pipeline.hget(session.keys.message(tag), field).await;
    }
    let answers = pipeline.try_all::<Value>().await.into_iter();
    answers.map(|answer| answer.map_err(|error| connection.error(&error).into())).collect()
}
