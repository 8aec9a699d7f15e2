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
enum Send {
    /// Messages in a row for the same list.
    Push(Key, Vec<Value>),
    /// To whoever listens now.
    Publish(String, Bytes),
}

impl ValkeyPublisher {
    /// The bindings of the exchanges that have some, in one round trip.
    async fn tables<'a>(&self, batch: &'a [Publication]) -> Result<HashMap<&'a str, Vec<String>>> {
        let mut exchanges: Vec<&str> = Vec::new();
        for publication in batch {
            let exchange = publication.exchange.as_str();
            if !exchange.is_empty() && publication.exchange_type != "fanout" && !exchanges.contains(&exchange)
            {
                exchanges.push(exchange);
            }
        }
        if exchanges.is_empty() {
            return Ok(HashMap::new());
        }
        let error = |error| self.commands.error(&error);
        let pipeline = self.commands.client().pipeline();
        for exchange in &exchanges {
            let [bindings, _] = self.keys.bindings(exchange);
            let () = pipeline.smembers(bindings).await.map_err(error)?;
        }
        let tables: Vec<Value> =
            pipeline.try_all().await.into_iter().collect::<Result<_, _>>().map_err(error)?;
        Ok(exchanges
            .into_iter()
            .zip(tables.into_iter().map(|table| reply::strings(reply::elements(table))))
            .collect())
    }

    /// The queues that a publication reaches.
    ///
    /// Source: `kombu/transport/virtual/base.py: Channel.basic_publish`, `Channel._lookup`.
    fn queues(&self, publication: &Publication, tables: &HashMap<&str, Vec<String>>) -> Vec<String> {
        if publication.exchange.is_empty() {
            return vec![publication.routing_key.clone()];
        }
        let table = tables.get(publication.exchange.as_str()).map(Vec::as_slice).unwrap_or_default();
        let queues = bindings::lookup(&self.keys, table, &publication.routing_key);
        if !queues.is_empty() {
            return queues;
        }
        if self.options.deadletter_queue.is_none() {
            tracing::warn!(
                "a message was dropped: no queue is bound to exchange {:?} with routing key {:?}",
                publication.exchange,
                publication.routing_key
            );
        }
        self.options.deadletter_queue.iter().cloned().collect()
    }
}

#[async_trait]
impl Publisher for ValkeyPublisher {
    async fn publish(&self, batch: &[Publication]) -> Result<()> {
        let tables = self.tables(batch).await?;
        let mut sends: Vec<Send> = Vec::new();
        for publication in batch {
            let raw = envelope(publication);
            if publication.exchange_type == "fanout" && !publication.exchange.is_empty() {
                sends.push(Send::Publish(
                    self.keys.channel(&publication.exchange, &publication.routing_key),
                    raw,
                ));
                continue;
            }
            let priority = publication.message.properties.priority.unwrap_or(0);
            for queue in self.queues(publication, &tables) {
                let list = self.keys.list_for(&queue, priority);
                match sends.last_mut() {
                    Some(Send::Push(last, values)) if *last == list => values.push(Value::Bytes(raw.clone())),
                    _ => sends.push(Send::Push(list, vec![Value::Bytes(raw.clone())])),
                }
            }
        }
        let error = |error| self.commands.error(&error);
        let pipeline = self.commands.client().pipeline();
        for send in sends {
            let () = match send {
                Send::Push(list, values) => pipeline.lpush(list, values).await,
                Send::Publish(channel, raw) => pipeline.publish(channel, raw).await,
            }
            .map_err(error)?;
        }
        pipeline.try_all::<Value>().await.into_iter().try_for_each(|sent| sent.map(|_| ())).map_err(error)
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
