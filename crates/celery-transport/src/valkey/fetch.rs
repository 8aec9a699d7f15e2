//! Taking messages out of the lists: one call of `fetch.lua`.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use fred::types::{Key, Value};

use super::{
    connection::Connection,
    failure,
    keys::Keys,
    options::{Options, QueueOrder},
    reply, script,
    session::Session,
};
use crate::{Error, Queue, Result};

/// The queues of a consumer and whose turn it is.
pub(super) struct Lists {
    queues: Vec<Arc<str>>,
    /// For each queue its lists, first served first.
    lists: Vec<Vec<Key>>,
    /// Which queue a list belongs to.
    owners: HashMap<Key, usize>,
    /// Indices into `queues`: who is asked first.
    turn: Vec<usize>,
    order: QueueOrder,
    steps: usize,
    /// Of the next fetch; makes generated tags unique.
    number: u64,
}

/// A message as it was taken.
pub(super) struct Taken {
    pub(super) tag: Arc<str>,
    pub(super) queue: Arc<str>,
    pub(super) raw: Bytes,
}

/// What a fetch brought.
pub(super) enum Fetched {
    Messages(Vec<Taken>),
    /// Nothing was taken: this worker has no lease.
    NoLease,
}

impl Lists {
    pub(super) fn new(keys: &Keys, options: &Options, queues: &[Queue]) -> Self {
        let mut names: Vec<Arc<str>> = Vec::new();
        for queue in queues {
            if !names.iter().any(|name| **name == *queue.name) {
                names.push(queue.name.as_str().into());
            }
        }
        if options.queue_order == QueueOrder::Sorted {
            names.sort_unstable();
        }
        let lists: Vec<_> = names.iter().map(|name| keys.lists(name)).collect();
        let owners = lists
            .iter()
            .enumerate()
            .flat_map(|(queue, lists)| lists.iter().map(move |list| (list.clone(), queue)))
            .collect();
        Self {
            turn: (0..names.len()).collect(),
            queues: names,
            lists,
            owners,
            order: options.queue_order,
            steps: keys.steps().len(),
            number: 0,
        }
    }

    /// The name of the queue that `list` belongs to.
    pub(super) fn queue_of(&self, list: &Key) -> Option<Arc<str>> {
        self.owners.get(list).map(|queue| Arc::clone(&self.queues[*queue]))
    }

    /// Takes up to `credit` messages; `track` has the server tell when more come, if there were fewer.
    pub(super) async fn fetch(
        &mut self,
        connection: &Connection,
        session: &Session,
        credit: usize,
        track: bool,
    ) -> Result<Fetched> {
        let mut keys = Vec::with_capacity(self.steps * self.turn.len());
        for step in 0..self.steps {
            keys.extend(self.turn.iter().map(|queue| self.lists[*queue][step].clone()));
        }
        let flag = |flag: bool| Value::from(if flag { "1" } else { "0" });
        let mut args = vec![
            Value::from(session.keys.unacked.clone()),
            Value::from(session.keys.unacked_index.clone()),
            Value::from(session.lease.clone()),
            Value::from(session.keys.workers.clone()),
            Value::from(i64::try_from(credit).unwrap_or(i64::MAX)),
            Value::from(session.worker.as_str()),
            Value::from(self.number.to_string()),
            flag(self.order == QueueOrder::RoundRobin),
            flag(track),
        ];
        args.extend(self.turn.iter().map(|queue| Value::from(&*self.queues[*queue])));
        self.number += 1;
        let reply = connection.call(&script::FETCH, keys, args).await?;
        self.read(connection, reply)
    }

    fn read(&mut self, connection: &Connection, reply: Value) -> Result<Fetched> {
        let mut values = reply::elements(reply).into_iter();
        let status = values.next().and_then(|value| value.into_string()).unwrap_or_default();
        if status == "LEASE" {
            return Ok(Fetched::NoLease);
        }
        if !status.is_empty() {
            // Other lists gave: what they gave comes first, and the error comes back when it is all there is.
            tracing::error!("{}", failure::from_text(connection.url(), &status));
        }
        let mut messages = Vec::with_capacity(values.len() / 3);
        let mut served = Vec::new();
        while let (Some(list), Some(tag), Some(raw)) = (values.next(), values.next(), values.next()) {
            let (Some(list), Some(tag), Some(raw)) = (list.as_usize(), tag.into_string(), reply::bytes(raw))
            else {
                return Err(Error::Refused {
                    url: connection.url().to_owned(),
                    reason: "the fetch script answered something else than messages".to_owned(),
                });
            };
            let queue = self.turn[(list - 1) % self.turn.len()];
            if !served.contains(&queue) {
                served.push(queue);
            }
            messages.push(Taken { tag: tag.into(), queue: Arc::clone(&self.queues[queue]), raw });
        }
        if self.order == QueueOrder::RoundRobin {
            // Who was served goes to the end. Source: `kombu/utils/scheduling.py: round_robin_cycle.rotate`.
            self.turn.retain(|queue| !served.contains(queue));
            self.turn.append(&mut served);
        }
        Ok(Fetched::Messages(messages))
    }
}
