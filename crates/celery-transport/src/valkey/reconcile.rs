//! Finding what a lost fetch took.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use fred::{
    prelude::HashesInterface,
    types::{Key, Value},
};

use super::{
    connection::Connection,
    fetch::{Lists, Taken},
    give_back::Place,
    give_back::give_back,
    reply,
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
    let strays: Vec<_> = leased.into_iter().filter(|(tag, _)| !held.contains(tag.as_str())).collect();
    let mut found = Vec::new();
    for batch in strays.chunks(BATCH) {
        let fields: Vec<Key> = batch.iter().map(|(tag, _)| Key::from(tag)).collect();
        let triples: Value = connection
            .client()
            .hmget(&session.keys.unacked, fields)
            .await
            .map_err(|error| connection.error(&error))?;
        let mut gone = Vec::new();
        for ((tag, list), triple) in batch.iter().zip(reply::elements(triples)) {
            let triple = reply::bytes(triple).and_then(|triple| Triple::parse(&triple).ok());
            match (triple, lists.queue_of(list)) {
                (Some(triple), Some(queue)) => {
                    found.push(Taken { tag: tag.as_str().into(), queue, raw: triple.raw });
                }
                _ => gone.push((tag.as_str(), Place::Front)),
            }
        }
        give_back(connection, &session.keys, &session.lease, None, &gone).await?;
    }
    session.held.insert(found.iter().map(|taken| &taken.tag));
    if !found.is_empty() {
        tracing::info!("Found {} message(s) that an interrupted fetch had taken", found.len());
    }
    Ok(found)
}
