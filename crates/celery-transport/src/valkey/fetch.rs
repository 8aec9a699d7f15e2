//! Taking messages out of lists and sorted sets: one call of `fetch.lua`.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use celery_valkey::Connection;
use fred::types::{Key, Value};

use super::{
    keys::Keys,
    look::Look,
    options::{Options, QueueOrder},
    ranking::{self, Place},
    reply, script,
    session::Session,
};
use crate::{Error, PriorityOrder, Queue, Result};

/// The queues of a consumer and whose turn it is.
pub(super) struct Lists {
    queues: Vec<Arc<str>>,
    /// For each queue its lists, first served first.
    lists: Vec<Vec<Key>>,
    /// For each queue its sorted set.
    sorted: Vec<Key>,
    /// Which queue a list belongs to, and which step of it it is.
    owners: HashMap<Key, (usize, usize)>,
    /// Indices into `queues`: who is asked first.
    turn: Vec<usize>,
    order: QueueOrder,
    /// Which step is served first, and how that compares with sorted sets.
    pub(super) priorities: PriorityOrder,
    bounds: Vec<Value>,
    steps: usize,
    /// Of the next fetch; makes generated tags unique.
    number: u64,
}

/// A message as it was taken.
pub(super) struct Taken {
    pub(super) tag: Arc<str>,
    pub(super) queue: Arc<str>,
    pub(super) raw: Bytes,
    pub(super) place: Place,
    /// How often it was delivered before, where that is counted.
    pub(super) delivered: u32,
}

/// What a fetch brought.
pub(super) enum Fetched {
    Messages {
        taken: Vec<Taken>,
        /// The queues may hold more.
        more: bool,
    },
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
        let mut steps = keys.steps().to_vec();
        if options.priority_order == PriorityOrder::High {
            steps.reverse();
        }
        let lists: Vec<Vec<Key>> =
            names.iter().map(|name| steps.iter().map(|step| keys.list(name, *step)).collect()).collect();
        let owners = lists
            .iter()
            .enumerate()
            .flat_map(|(queue, lists)| {
                lists.iter().enumerate().map(move |(step, list)| (list.clone(), (queue, step)))
            })
            .collect();
        Self {
            turn: (0..names.len()).collect(),
            sorted: names.iter().map(|name| keys.sorted(name)).collect(),
            queues: names,
            lists,
            owners,
            order: options.queue_order,
            priorities: options.priority_order,
            bounds: ranking::bounds(options.priority_order, &steps),
            steps: steps.len(),
            number: 0,
        }
    }

    /// The same for other queues. The numbers of the fetches go on: they make the delivery tags unique.
    pub(super) fn of(&self, keys: &Keys, options: &Options, queues: &[Queue]) -> Self {
        Self { number: self.number, ..Self::new(keys, options, queues) }
    }

    /// All keys to which messages are pushed.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.lists.iter().flatten().chain(&self.sorted).cloned().collect()
    }

    /// The name of the queue that `list` belongs to, and the place of its messages.
    pub(super) fn owner_of(&self, list: &Key) -> Option<(Arc<str>, Place)> {
        self.owners.get(list).map(|(queue, step)| (Arc::clone(&self.queues[*queue]), Place::Step(*step)))
    }

    /// Whether `queue` is one of ours.
    pub(super) fn named(&self, queue: &str) -> Option<Arc<str>> {
        self.queues.iter().find(|name| &***name == queue).map(Arc::clone)
    }

    /// Takes up to `credit` messages from where `look` says that there may be some; `track` has the server tell when more
    /// come, if there were fewer.
    pub(super) async fn fetch(
        &mut self,
        connection: &Connection,
        session: &Session,
        credit: usize,
        track: bool,
        look: &Look,
    ) -> Result<Fetched> {
        let mut keys = Vec::with_capacity((self.steps + 1) * self.turn.len());
        for step in 0..self.steps {
            keys.extend(self.turn.iter().map(|queue| self.lists[*queue][step].clone()));
        }
        keys.extend(self.turn.iter().map(|queue| self.sorted[*queue].clone()));
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
            Value::from(session.keys.prefix()),
            Value::from(session.options.sorted_margin()),
            Value::from(self.turn.len().to_string()),
        ];
        args.extend(self.bounds.iter().cloned());
        args.extend(self.turn.iter().map(|queue| Value::from(&*self.queues[*queue])));
        args.push(Value::from(look.numbers(&keys)));
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
        let more = values.next().and_then(|value| value.as_bool()).unwrap_or_default();
        if let Some(queue) = status.strip_prefix("LAYOUT ") {
            let error = Error::Refused { url: connection.url().to_owned(), reason: older_layout(queue) };
            if values.len() == 0 {
                return Err(error);
            }
            tracing::error!("{error}");
        } else if !status.is_empty() {
            // Other lists gave: what they gave comes first, and the error comes back when it is all there is.
            tracing::error!("{}", Error::from(connection.error_reply(&status)));
        }
        let mut messages = Vec::with_capacity(values.len() / 5);
        let mut served = Vec::new();
        while let (Some(list), Some(tag), Some(raw), Some(level), Some(delivered)) =
            (values.next(), values.next(), values.next(), values.next(), values.next())
        {
            let (Some(list), Some(tag), Some(raw), Some(level), Some(delivered)) =
                (list.as_usize(), tag.into_string(), reply::bytes(raw), level.as_u64(), delivered.as_u64())
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
            let step = (list - 1) / self.turn.len();
            messages.push(Taken {
                tag: tag.into(),
                queue: Arc::clone(&self.queues[queue]),
                raw,
                place: if step < self.steps {
                    Place::Step(step)
                } else {
                    Place::Level(u8::try_from(level).unwrap_or(u8::MAX))
                },
                delivered: u32::try_from(delivered).unwrap_or(u32::MAX),
            });
        }
        if self.order == QueueOrder::RoundRobin {
            // Who was served goes to the end. Source: `kombu/utils/scheduling.py: round_robin_cycle.rotate`.
            self.turn.retain(|queue| !served.contains(queue));
            self.turn.append(&mut served);
        }
        Ok(Fetched::Messages { taken: messages, more })
    }
}

/// Why the messages of a queue are not taken.
pub(super) fn older_layout(queue: &str) -> String {
    format!(
        "queue {queue:?} holds messages of celery-redis-plus 0.3 or older, which keeps them another way. Update its \
         producers to 0.4, and let a worker of the old version empty the queue first"
    )
}
