//! Finding what a lost fetch took.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use celery_valkey::Connection;
use fred::{
    prelude::HashesInterface,
    types::{Key, Value},
};

use super::{
    fetch::{Lists, Taken},
    give_back::{Place, give_back},
    origin::Origin,
    ranking, reply,
    session::Session,
    triple::Triple,
};
use crate::Result;

/// When to look a second time: the server may still find the lost command in the buffer of the dead connection.
const AGAIN: Duration = Duration::from_secs(30);
/// How many messages are read in one command.
const BATCH: usize = 128;

/// Whether a fetch may have taken messages that were never handed over.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    now: bool,
    again: Option<Instant>,
}

impl Doubt {
    /// A fetch begins: until it ends well (its future may be dropped) its fate is unknown.
    pub(super) fn begin(&mut self) {
        self.now = true;
    }

    /// The fetch ended well.
    pub(super) fn end(&mut self) {
        self.now = false;
    }

    /// The fetch failed, or the connection is a new one.
    pub(super) fn raise(&mut self) {
        self.now = true;
        self.again = Some(Instant::now() + AGAIN);
    }

    /// Whether it was, or is to be, looked again.
    pub(super) fn is_open(&self) -> bool {
        self.now || self.again.is_some()
    }

    /// Whether to look now.
    pub(super) fn is_due(&self) -> bool {
        self.now || self.again.is_some_and(|at| at <= Instant::now())
    }

    /// It was looked.
    pub(super) fn looked(&mut self) {
        self.now = false;
        self.again = self.again.filter(|at| *at > Instant::now());
    }
}

/// Messages that our lease names and that nobody here was given, oldest first. They are held from now on.
pub(super) async fn reconcile(
    connection: &Connection,
    session: &Session,
    lists: &Lists,
) -> Result<Vec<Taken>> {
    // What is held is read first: a tag that is settled meanwhile is in neither.
    let held: HashSet<Arc<str>> = session.held.oldest_first().into_iter().collect();
    let leased = session.leased(connection, &session.lease).await?;
    let mut found = Vec::new();
    let (mut sorted, mut plain) = (Vec::new(), Vec::new());
    for (tag, origin) in leased.into_iter().filter(|(tag, _)| !held.contains(tag.as_str())) {
        match origin {
            Origin::List(list) => plain.push((tag, list)),
            Origin::Sorted { queue, tag: message } => sorted.push((tag, queue, message)),
        }
    }
    let mut gone = Vec::new();
    for batch in sorted.chunks(BATCH) {
        let bodies = bodies(connection, session, batch).await?;
        for ((tag, queue, _), body) in batch.iter().zip(bodies) {
            match (body, lists.named(queue)) {
                (Some(body), Some(queue)) => found.push(body.taken(tag, queue)),
                _ => gone.push((tag.as_str(), Place::Unstarted)),
            }
        }
    }
    for batch in plain.chunks(BATCH) {
        let fields: Vec<Key> = batch.iter().map(|(tag, _)| Key::from(tag)).collect();
        let triples: Value = connection
            .client()
            .hmget(&session.keys.unacked, fields)
            .await
            .map_err(|error| connection.error(&error))?;
        for ((tag, list), triple) in batch.iter().zip(reply::elements(triples)) {
            let triple = reply::bytes(triple).and_then(|triple| Triple::parse(&triple).ok());
            match (triple, lists.owner_of(list)) {
                (Some(triple), Some((queue, place))) => {
                    let tag = tag.as_str().into();
                    found.push(Taken { tag, queue, raw: triple.raw, place, delivered: 0 });
                }
                _ => gone.push((tag.as_str(), Place::Unstarted)),
            }
        }
    }
    give_back(session, connection, &session.lease, None, &gone).await?;
    session.held.insert(found.iter().map(|taken| &taken.tag));
    if !found.is_empty() {
        tracing::info!("Found {} message(s) that an interrupted fetch had taken", found.len());
    }
    Ok(found)
}

/// What the hash of a message in a sorted set says.
struct Body {
    payload: Bytes,
    delivered: u32,
    /// How far from priority 255 it is.
    level: u8,
}

impl Body {
    fn taken(self, tag: &str, queue: Arc<str>) -> Taken {
        let Self { payload, delivered, level } = self;
        Taken { tag: tag.into(), queue, raw: payload, place: ranking::Place::Level(level), delivered }
    }
}

/// The hashes of messages from sorted sets; `None` for one that is gone.
async fn bodies(
    connection: &Connection,
    session: &Session,
    batch: &[(String, String, String)],
) -> Result<Vec<Option<Body>>> {
    let pipeline = connection.client().pipeline();
    for (_, _, tag) in batch {
        let fields: Vec<Key> = ["payload", "delivery_count", "priority"].map(Key::from).to_vec();
        // A command of a pipeline is only written down here: its answer comes with the others.
        let _: std::result::Result<(), _> = pipeline.hmget(session.keys.message(tag), fields).await;
    }
    let answers = pipeline.try_all::<Value>().await.into_iter();
    answers
        .map(|answer| {
            let mut fields = reply::elements(answer.map_err(|error| connection.error(&error))?).into_iter();
            let payload = fields.next().and_then(reply::bytes);
            let mut number = || fields.next().and_then(|value| value.as_u64()).unwrap_or_default();
            let delivered = u32::try_from(number()).unwrap_or(u32::MAX);
            let level = u8::MAX - u8::try_from(number()).unwrap_or(u8::MAX);
            Ok(payload.map(|payload| Body { payload, delivered, level }))
        })
        .collect()
}
