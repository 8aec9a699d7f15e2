//! Sending messages.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use fred::{
    prelude::{ListInterface, PubsubInterface, SetsInterface},
    types::{Key, Value},
};
use uuid::Uuid;

use super::{bindings, connection::Connection, keys::Keys, options::Options, reply};
use crate::{Publication, Publisher, Queue, Result};

/// Publishes on the connection that is shared with settling.
pub(super) struct ValkeyPublisher {
    pub(super) commands: Arc<Connection>,
    pub(super) keys: Arc<Keys>,
    pub(super) options: Arc<Options>,
}

/// One command of a batch.
struct Send {
    /// The publications that it sends, by their place in the batch.
    of: Vec<usize>,
    what: What,
}

enum What {
    /// Messages in a row for the same list.
    Push(Key, Vec<Value>),
    /// To whoever listens now.
    Publish(String, Bytes),
}

impl ValkeyPublisher {
    /// The bindings of the exchanges that have some, in one round trip.
    async fn tables<'a>(&self, batch: &'a [Publication]) -> HashMap<&'a str, Result<Vec<String>>> {
        let mut exchanges: Vec<&str> = Vec::new();
        for publication in batch {
            let exchange = publication.exchange.as_str();
            if !exchange.is_empty() && publication.exchange_type != "fanout" && !exchanges.contains(&exchange)
            {
                exchanges.push(exchange);
            }
        }
        if exchanges.is_empty() {
            return HashMap::new();
        }
        let pipeline = self.commands.client().pipeline();
        for exchange in &exchanges {
            let [bindings, _] = self.keys.bindings(exchange);
            // A command of a pipeline is only written down here: its answer comes with the others.
            let _: Result<(), _> = pipeline.smembers(bindings).await;
        }
        let tables = pipeline.try_all::<Value>().await.into_iter().map(|table| {
            table
                .map(|table| reply::strings(reply::elements(table)))
                .map_err(|error| self.commands.error(&error))
        });
        exchanges.into_iter().zip(tables).collect()
    }

    /// The queues that a publication reaches.
    ///
    /// Source: `kombu/transport/virtual/base.py: Channel.basic_publish`, `Channel._lookup`.
    fn queues(
        &self,
        publication: &Publication,
        tables: &HashMap<&str, Result<Vec<String>>>,
    ) -> Result<Vec<String>> {
        if publication.exchange.is_empty() {
            return Ok(vec![publication.routing_key.clone()]);
        }
        let table = match tables.get(publication.exchange.as_str()) {
            Some(Ok(table)) => table.as_slice(),
            Some(Err(error)) => return Err(error.clone()),
            None => &[],
        };
        let queues = bindings::lookup(&self.keys, table, &publication.routing_key);
        if !queues.is_empty() {
            return Ok(queues);
        }
        if self.options.deadletter_queue.is_none() {
            tracing::warn!(
                "a message was dropped: no queue is bound to exchange {:?} with routing key {:?}",
                publication.exchange,
                publication.routing_key
            );
        }
        Ok(self.options.deadletter_queue.iter().cloned().collect())
    }
}

#[async_trait]
impl Publisher for ValkeyPublisher {
    async fn publish(&self, batch: &[Publication]) -> Vec<Result<()>> {
        let tables = self.tables(batch).await;
        let mut answers: Vec<Result<()>> = batch.iter().map(|_| Ok(())).collect();
        let mut sends: Vec<Send> = Vec::new();
        for (index, publication) in batch.iter().enumerate() {
            let raw = envelope(publication);
            if publication.exchange_type == "fanout" && !publication.exchange.is_empty() {
                let channel = self.keys.channel(&publication.exchange, &publication.routing_key);
                sends.push(Send { of: vec![index], what: What::Publish(channel, raw) });
                continue;
            }
            let priority = publication.message.properties.priority.unwrap_or(0);
            let queues = match self.queues(publication, &tables) {
                Ok(queues) => queues,
                Err(error) => {
                    answers[index] = Err(error);
                    continue;
                }
            };
            for queue in queues {
                let list = self.keys.list_for(&queue, priority);
                let value = Value::Bytes(raw.clone());
                match sends.last_mut() {
                    Some(Send { of, what: What::Push(last, values) }) if *last == list => {
                        of.push(index);
                        values.push(value);
                    }
                    _ => sends.push(Send { of: vec![index], what: What::Push(list, vec![value]) }),
                }
            }
        }
        let pipeline = self.commands.client().pipeline();
        let mut of = Vec::with_capacity(sends.len());
        for send in sends {
            // A command of a pipeline is only written down here: its answer comes with the others.
            let _: Result<(), _> = match send.what {
                What::Push(list, values) => pipeline.lpush(list, values).await,
                What::Publish(channel, raw) => pipeline.publish(channel, raw).await,
            };
            of.push(send.of);
        }
        if of.is_empty() {
            return answers;
        }
        let mut sent = pipeline.try_all::<Value>().await.into_iter();
        let mut last = None;
        for of in of {
            // A connection that is lost answers once for all that follows.
            let failure = match sent.next() {
                Some(answer) => {
                    last = answer.err().map(|error| self.commands.error(&error));
                    last.clone()
                }
                None => last.clone(),
            };
            if let Some(failure) = failure {
                for index in of {
                    answers[index] = Err(failure.clone());
                }
            }
        }
        answers
    }

    async fn declare(&self, queues: &[Queue]) -> Result<()> {
        declare(&self.commands, &self.keys, queues).await
    }
}

/// Binds queues to their exchanges.
///
/// Never over a sorted set: SADD refuses, and the error names whose layout that is.
///
/// Source: `kombu/transport/redis.py: Channel._queue_bind` (for a queue without `x-expires`).
pub(super) async fn declare(connection: &Connection, keys: &Keys, queues: &[Queue]) -> Result<()> {
    let error = |error| connection.error(&error);
    let pipeline = connection.client().pipeline();
    for queue in queues.iter().filter(|queue| !queue.exchange.is_empty()) {
        let member = keys.binding(queue);
        for key in keys.bindings(&queue.exchange) {
            let () = pipeline.sadd(key, member.as_str()).await.map_err(error)?;
        }
    }
    pipeline.try_all::<Value>().await.into_iter().try_for_each(|bound| bound.map(|_| ())).map_err(error)
}

/// The message as kombu would put it into a list.
///
/// Source: `kombu/transport/virtual/base.py: Channel.prepare_message`, `Channel._inplace_augment_message`.
fn envelope(publication: &Publication) -> Bytes {
    let mut message = publication.message.clone();
    let properties = &mut message.properties;
    properties.priority.get_or_insert(0);
    properties.body_encoding = Some("base64".to_owned());
    properties.delivery_tag = Some(Uuid::new_v4().to_string());
    properties.delivery_info.exchange.clone_from(&publication.exchange);
    properties.delivery_info.routing_key.clone_from(&publication.routing_key);
    message.to_envelope().into()
}
