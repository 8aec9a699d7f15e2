//! Sending messages.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use celery_protocol::{
    Message,
    message::{DELIVERY_COUNT, forget_deliveries},
};
use celery_valkey::Connection;
use fred::{
    prelude::{ClientLike, KeysInterface, ListInterface, PubsubInterface},
    types::{Key, Value},
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    bindings::{self, Table},
    declare,
    keys::Keys,
    options::Options,
    script,
    streams::{Hints, most_entries},
};
use crate::{Error, Publication, Publisher, Queue, Result};

/// How many messages one script puts into sorted sets.
const AT_ONCE: usize = 256;

/// Publishes on the connection that is shared with settling.
pub(super) struct ValkeyPublisher {
    pub(super) commands: Arc<Connection>,
    pub(super) keys: Arc<Keys>,
    pub(super) options: Arc<Options>,
    pub(super) hints: Arc<Hints>,
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
    /// Messages in a row for sorted sets: the arguments of `put.lua` that name them.
    Put(Vec<Value>),
    /// To whoever listens now.
    Publish(String, Bytes),
    /// The same for those who read streams.
    Append(Key, Bytes),
    /// Whether there is a stream.
    Look(Key),
}

impl ValkeyPublisher {
    /// The bindings of the exchanges that have some.
    async fn tables<'a>(&self, batch: &'a [Publication]) -> HashMap<&'a str, Result<Table>> {
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
        let tables = bindings::read(&self.commands, &self.keys, &exchanges).await;
        exchanges.into_iter().zip(tables).collect()
    }

    /// The queues that a publication reaches, and whether they are to be sorted sets.
    ///
    /// Tasks are, when the URL says so, and everything is where the bindings say that the other producers do so. Replies
    /// stay in lists, where stock clients look for them.
    ///
    /// Source: `kombu/transport/virtual/base.py: Channel.basic_publish`, `Channel._lookup`.
    fn queues(
        &self,
        publication: &Publication,
        tables: &HashMap<&str, Result<Table>>,
    ) -> Result<(Vec<String>, bool)> {
        let sorted = self.options.sorted && is_task(&publication.message);
        if publication.exchange.is_empty() {
            return Ok((vec![publication.routing_key.clone()], sorted));
        }
        let (table, sorted) = match tables.get(publication.exchange.as_str()) {
            Some(Ok(table)) => (table.members.as_slice(), sorted || table.sorted),
            Some(Err(error)) => return Err(error.clone()),
            None => ([].as_slice(), sorted),
        };
        let queues = bindings::lookup(&self.keys, table, &publication.routing_key);
        if !queues.is_empty() {
            return Ok((queues, sorted));
        }
        if self.options.deadletter_queue.is_none() {
            let (exchange, key) = (&publication.exchange, &publication.routing_key);
            let dropped = format_args!(
                "a message was dropped: no queue is bound to exchange {exchange:?} with routing key {key:?}"
            );
            if is_task(&publication.message) {
                tracing::warn!("{dropped}");
            } else {
                // A reply to a command that nobody waits for any more (`kombu/pidbox.py: Mailbox._publish_reply`).
                tracing::debug!("{dropped}");
            }
        }
        Ok((self.options.deadletter_queue.iter().cloned().collect(), sorted))
    }
}

impl ValkeyPublisher {
    /// To the channel of an exchange, and to its stream where somebody may read that.
    fn broadcast(&self, sends: &mut Vec<Send>, index: usize, publication: &Publication) {
        let tag = Uuid::new_v4();
        let exchange = &publication.exchange;
        let channel = self.keys.channel(exchange, &publication.routing_key);
        let raw = envelope(publication, &tag, Body::Base64);
        sends.push(Send { of: vec![index], what: What::Publish(channel, raw) });
        // What becomes of these is no answer to anybody.
        if self.hints.are_written() {
            let raw = envelope(publication, &tag, Body::Text);
            sends.push(Send { of: Vec::new(), what: What::Append(self.keys.stream(exchange), raw) });
        } else if self.hints.is_to_be_looked_for(exchange) {
            sends.push(Send { of: Vec::new(), what: What::Look(self.keys.stream(exchange)) });
        }
    }
}

#[async_trait]
impl Publisher for ValkeyPublisher {
    async fn publish(&self, batch: &[Publication]) -> Vec<Result<()>> {
        let tables = self.tables(batch).await;
        let mut answers: Vec<Result<()>> = batch.iter().map(|_| Ok(())).collect();
        let mut sends: Vec<Send> = Vec::new();
        for (index, publication) in batch.iter().enumerate() {
            if publication.exchange_type == "fanout" && !publication.exchange.is_empty() {
                self.broadcast(&mut sends, index, publication);
                continue;
            }
            let priority = publication.message.properties.priority.unwrap_or(0);
            let (queues, sorted) = match self.queues(publication, &tables) {
                Ok(found) => found,
                Err(error) => {
                    answers[index] = Err(error);
                    continue;
                }
            };
            if sorted {
                for queue in queues {
                    put(&mut sends, index, publication, priority, queue);
                }
                continue;
            }
            let raw = envelope(publication, &Uuid::new_v4(), Body::Base64);
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
            let looks = matches!(send.what, What::Look(_));
            // A command of a pipeline is only written down here: its answer comes with the others.
            let _: Result<(), _> = match send.what {
                What::Push(list, values) => pipeline.lpush(list, values).await,
                What::Publish(channel, raw) => pipeline.publish(channel, raw).await,
                What::Append(stream, raw) => {
                    let most = most_entries(raw.len()).to_string();
                    let args = [&*stream.as_str_lossy(), "MAXLEN", "~", &most, "*", "payload"];
                    let mut args: Vec<Value> = args.map(Value::from).to_vec();
                    args.push(Value::Bytes(raw));
                    pipeline.custom(fred::cmd!("XADD"), args).await
                }
                What::Look(stream) => pipeline.exists(stream).await,
                What::Put(messages) => {
                    let mut args = vec![
                        Value::from(script::PUT.lua().map_or("", |lua| &**lua)),
                        Value::from(0),
                        Value::from(self.keys.prefix()),
                        Value::from(self.options.sorted_margin()),
                    ];
                    args.extend(messages);
                    // The text and not its hash: a server that does not know the script cannot be told in a pipeline.
                    pipeline.custom(fred::cmd!("EVAL"), args).await
                }
            };
            of.push((send.of, looks));
        }
        if of.is_empty() {
            return answers;
        }
        let mut sent = pipeline.try_all::<Value>().await.into_iter();
        let mut last = None;
        for (of, looks) in of {
            // A connection that is lost answers once for all that follows.
            let failure = match sent.next() {
                Some(answer) => {
                    if looks && answer.as_ref().is_ok_and(|there| there.as_i64() == Some(1)) {
                        self.hints.seen();
                    }
                    last = answer.err().map(|error| Error::from(self.commands.error(&error)));
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
        if declare::declare(&self.commands, &self.keys, queues).await? {
            self.hints.seen();
        }
        Ok(())
    }

    async fn delete(&self, queues: &[Queue]) -> Result<()> {
        declare::delete(&self.commands, &self.keys, queues).await
    }
}

/// Adds a message for the sorted set of `queue`.
fn put(sends: &mut Vec<Send>, index: usize, publication: &Publication, priority: u8, queue: String) {
    // Ordered by the time: what has the same score is served in the order of the tags. Each queue has a copy with a tag of
    // its own, because a tag names one body.
    let tag = Uuid::now_v7();
    let message = [
        Value::from(queue),
        Value::from(tag.to_string()),
        Value::from(i64::from(priority)),
        Value::Bytes(envelope(publication, &tag, Body::Text)),
    ];
    match sends.last_mut() {
        Some(Send { of, what: What::Put(messages) }) if of.len() < AT_ONCE => {
            of.push(index);
            messages.extend(message);
        }
        _ => sends.push(Send { of: vec![index], what: What::Put(message.to_vec()) }),
    }
}

/// Whether a message is a task: those have its name in their headers.
///
/// Source: `celery/app/amqp.py: AMQP.as_task_v2`.
fn is_task(message: &Message) -> bool {
    #[derive(Deserialize)]
    struct Headers {
        task: Option<IgnoredAny>,
    }
    serde_json::from_str::<Headers>(message.headers.get()).is_ok_and(|headers| headers.task.is_some())
}

/// How the body is in an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// In base64, as kombu writes lists and channels.
    Base64,
    /// As text where it is text. celery-asyncio reads nothing else, unless the headers say that it is base64.
    Text,
}

/// The message as kombu would put it into a list, and celery-redis-plus into a hash.
///
/// Source: `kombu/transport/virtual/base.py: Channel.prepare_message`, `Channel._inplace_augment_message`.
pub(super) fn envelope(publication: &Publication, tag: &Uuid, body: Body) -> Bytes {
    let mut message = publication.message.clone();
    let properties = &mut message.properties;
    properties.priority.get_or_insert(0);
    let is_text = body == Body::Text && std::str::from_utf8(&message.body).is_ok();
    properties.body_encoding = (!is_text).then(|| "base64".to_owned());
    properties.delivery_tag = Some(tag.to_string());
    properties.delivery_info.exchange.clone_from(&publication.exchange);
    properties.delivery_info.routing_key.clone_from(&publication.routing_key);
    if body == Body::Text && !is_text {
        message.headers = with_body_encoding(message.headers);
    }
    let envelope = message.to_envelope();
    // A retry has the headers of the message that it comes from.
    if message.headers.get().contains(DELIVERY_COUNT)
        && let Ok(envelope) = forget_deliveries(&envelope)
    {
        return envelope.into();
    }
    envelope.into()
}

/// The headers with what celery-asyncio looks for.
fn with_body_encoding(headers: Box<RawValue>) -> Box<RawValue> {
    let text = headers.get().trim();
    let Some(fields) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else { return headers };
    let comma = if fields.trim().is_empty() { "" } else { ", " };
    let text = format!(r#"{{{fields}{comma}"body_encoding": "base64"}}"#);
    RawValue::from_string(text).unwrap_or(headers)
}
