//! Messages that are for later, kept by the broker until then.
//!
//! Parked messages are in a sorted set of ours, `celery-oxide.parked`, by the time at which they are due; their bodies stay
//! where stock workers and those of celery-redis-plus look for them (see `park.lua`). Every worker looks a little before
//! the first is due, whatever queues it has, and lets go of all that are due then. Times are the server's: the clock of
//! the worker that parks a message only says for how long.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use celery_protocol::Message;
use fred::{
    prelude::{HashesInterface, SortedSetsInterface},
    types::{Key, Value},
};
use tokio::time::{Instant, sleep, timeout};

use super::{lease, origin::Origin, reply, script, session::Session, sorted, triple::Triple};
use crate::{Parked, Result};

/// How long before its time a message goes back into its queue. The worker that takes it waits for the rest.
const EARLY: Duration = Duration::from_secs(3);
/// How long to pause between two looks at least: what is due within that time goes together.
const PAUSE: Duration = Duration::from_secs(1);
/// How many messages go back in one script.
const BATCH: i64 = 512;
/// When others may let go of a message of a sorted set, after its time, in seconds: the minute that workers of
/// celery-redis-plus look ahead, and what [`due`](super::due) adds.
const LATE: i64 = 70;

/// For what is due sooner than this, parking is not worth it: it would be let go at once.
pub(super) const SHORTEST: Duration = Duration::from_secs(5);

/// Parks what this worker holds, each message until its time. One round trip.
pub(super) async fn park(session: &Session, tags: &[(&str, SystemTime)]) -> Result<()> {
    let keys = &session.keys;
    let script_keys = vec![keys.unacked_index.clone(), session.lease.clone(), keys.parked.clone()];
    let mut args = vec![
        Value::from(keys.prefix()),
        Value::from(session.options.visibility_timeout.as_secs_f64().to_string()),
        Value::from(LATE),
    ];
    let now = SystemTime::now();
    for (tag, due) in tags {
        let wait = due.duration_since(now).unwrap_or_default().as_secs_f64();
        args.extend([Value::from(*tag), Value::from(wait.to_string())]);
    }
    let count = session.commands.call(&script::PARK, script_keys, args).await?.as_u64().unwrap_or_default();
    session.counters.parked.add(count);
    session.parked.notify_one();
    Ok(())
}

/// What is parked, earliest first, up to `most`; messages that cannot be read left out.
pub(super) async fn parked(session: &Session, most: usize) -> Result<Vec<Parked>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    if most == 0 {
        return Ok(Vec::new());
    }
    let connection = &session.commands;
    let client = connection.client();
    let error = |error| connection.error(&error);
    let found: Vec<(bytes::Bytes, f64)> =
        client.zrange(&session.keys.parked, 0, most - 1, None, false, None, true).await.map_err(error)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    // A command of a pipeline is only written down here: its answer comes with the others.
    let pipeline = client.pipeline();
    let places: Vec<_> = found.into_iter().map(|(member, due)| (Place::read(&member), due)).collect();
    for (place, _) in &places {
        let _: std::result::Result<(), _> = match place {
            Place::List { tag, .. } => pipeline.hget(&session.keys.unacked, tag).await,
            Place::Sorted { tag, .. } => pipeline.hget(session.keys.message(tag), "payload").await,
        };
    }
    let mut parked = Vec::with_capacity(places.len());
    for ((place, due), answer) in places.into_iter().zip(pipeline.try_all::<Value>().await) {
        // Let go meanwhile.
        let Some(raw) = reply::bytes(answer.map_err(error)?) else { continue };
        let (queue, message) = match place {
            Place::List { list, .. } => {
                let Ok(triple) = Triple::parse(&raw) else { continue };
                (session.keys.queue_of(&list), Message::from_envelope(&triple.raw))
            }
            Place::Sorted { queue, .. } => {
                let message = sorted::message(&raw, &queue, 0);
                (queue, message)
            }
        };
        let due = Duration::try_from_secs_f64(due).unwrap_or_default();
        if let Ok(message) = message {
            parked.push(Parked::new(SystemTime::UNIX_EPOCH + due, queue, message));
        }
    }
    Ok(parked)
}

/// A member of the set.
enum Place {
    List { tag: String, list: Key },
    Sorted { queue: String, tag: String },
}

impl Place {
    /// Reads what `park.lua` wrote: a delivery tag, a zero byte and the key of a list, or the place of a message in a sorted
    /// set as the lease has it.
    fn read(member: &bytes::Bytes) -> Self {
        match Origin::read(member.clone()) {
            Origin::Sorted { queue, tag } => Self::Sorted { queue, tag },
            Origin::List(_) => {
                let end = member.iter().position(|byte| *byte == 0).unwrap_or(member.len());
                let tag = String::from_utf8_lossy(&member[..end]).into_owned();
                Self::List { tag, list: member.slice((end + 1).min(member.len())..).into() }
            }
        }
    }
}

/// Lets go of what is due, until it is aborted.
pub(super) async fn unparking(session: Arc<Session>) {
    loop {
        let looked = Instant::now();
        let next = match unpark(&session).await {
            Ok(next) => next,
            Err(error) => {
                lease::complain("let go of parked messages", &error);
                None
            }
        };
        // Another worker may park something that is due before: never for less than the longest tick.
        let longest = lease::tick(&session);
        let next = next.map_or(longest, |wait| wait.saturating_sub(EARLY).min(longest));
        let _ = timeout(next, session.parked.notified()).await;
        sleep(PAUSE.saturating_sub(looked.elapsed())).await;
    }
}

/// Puts back into their queues what is due soon; for how long the first of the others waits.
pub(super) async fn unpark(session: &Session) -> Result<Option<Duration>> {
    let keys = &session.keys;
    loop {
        let script_keys = vec![keys.unacked.clone(), keys.unacked_index.clone(), keys.parked.clone()];
        let args = vec![
            Value::from(keys.prefix()),
            Value::from(EARLY.as_secs_f64().to_string()),
            Value::from(session.options.sorted_margin()),
            Value::from(BATCH),
        ];
        let reply = session.commands.call(&script::UNPARK, script_keys, args).await?;
        let mut values = reply::elements(reply).into_iter();
        let count = values.next().and_then(|value| value.as_u64()).unwrap_or_default();
        let more = values.next().and_then(|value| value.as_i64()) == Some(1);
        let wait = values.next().and_then(|value| value.as_f64());
        let failure = values.next().and_then(|value| value.into_string()).unwrap_or_default();
        if count > 0 {
            tracing::debug!("Let go of {count} parked message(s)");
        }
        if !failure.is_empty() {
            return Err(session.commands.error_reply(&failure).into());
        }
        if !more {
            return Ok(wait.map(|wait| Duration::try_from_secs_f64(wait).unwrap_or_default()));
        }
    }
}
