//! The queue of one asker, on a connection that waits for it.
//!
//! The waiting connection is asked one thing at a time, by whoever owns the asker; the other one is shared with publishing,
//! so that the queue can be removed while the first still waits. `BRPOP` has a time limit below that of a command, so that
//! a dead connection is noticed.
//!
//! Where clients of celery-redis-plus or celery-asyncio have asked before, the bindings of replies are a sorted set, and
//! whoever answers puts the reply into one as well.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use celery_protocol::Message;
use celery_valkey::Connection;
use fred::{
    prelude::{
        ClientLike, HashesInterface, KeysInterface, ListInterface, PubsubInterface, SortedSetsInterface,
    },
    types::{Key, Value},
};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    declare,
    keys::Keys,
    publisher::{Body, envelope},
    reply,
    streams::{self, Hints},
};
use crate::{Asker, Error, Publication, Queue, Result, Undecodable};

/// How many replies are taken at once.
const BURST: usize = 256;

/// A queue of replies.
pub(super) struct ValkeyAsker {
    commands: Arc<Connection>,
    waiting: Connection,
    keys: Arc<Keys>,
    hints: Arc<Hints>,
    queue: Queue,
    /// Replies have no priority, so they are all in this list.
    list: Key,
    /// They are in a sorted set instead.
    sorted: bool,
    /// The longest that one command waits.
    patience: Duration,
    closed: AtomicBool,
}

impl ValkeyAsker {
    /// Declares `queue`. Commands on `waiting` may take `command_timeout`.
    pub(super) async fn open(
        commands: Arc<Connection>,
        waiting: Connection,
        keys: Arc<Keys>,
        hints: Arc<Hints>,
        queue: &Queue,
        command_timeout: Duration,
    ) -> Result<Self> {
        let sorted = declare::declare(&commands, &keys, std::slice::from_ref(queue)).await?;
        if sorted {
            hints.seen();
        }
        let (queue, list) = (queue.clone(), keys.list_for(&queue.name, 0));
        let patience = command_timeout / 2;
        let closed = AtomicBool::new(false);
        Ok(Self { commands, waiting, keys, hints, queue, list, sorted, patience, closed })
    }

    /// Takes what is there, and waits up to `wait` for the first.
    async fn pop(&self, wait: Duration) -> Result<Vec<Bytes>, fred::error::Error> {
        let client = self.waiting.client();
        let key = if self.sorted { self.keys.sorted(&self.queue.name) } else { self.list.clone() };
        // The key and the reply; nothing when the time is up, which the library's own method makes an error.
        let command = if self.sorted {
            fred::cmd!("BZPOPMIN", blocking: true)
        } else {
            fred::cmd!("BRPOP", blocking: true)
        };
        let args = vec![Value::from(key), Value::from(wait.as_secs_f64().to_string())];
        let popped: Value = client.custom(command, args).await?;
        let Some(first) = reply::elements(popped).into_iter().nth(1) else { return Ok(Vec::new()) };
        if self.sorted {
            let tag = first.into_string().unwrap_or_default();
            return Ok(self.body(&tag).await?.into_iter().collect());
        }
        let more: Value = client.rpop(self.list.clone(), Some(BURST)).await?;
        Ok(std::iter::once(first).chain(reply::elements(more)).filter_map(reply::bytes).collect())
    }

    /// Takes the body of a reply that was in the sorted set.
    async fn body(&self, tag: &str) -> Result<Option<Bytes>, fred::error::Error> {
        let (message, index) = (self.keys.message(tag), self.keys.sorted_index(&self.queue.name));
        let pipeline = self.waiting.client().pipeline();
        // A command of a pipeline is only written down here: its answer comes with the others.
        let _: Result<(), _> = pipeline.hget(&message, "payload").await;
        let _: Result<(), _> = pipeline.del(&message).await;
        let _: Result<(), _> = pipeline.zrem(index, tag).await;
        let answers: Vec<Value> = pipeline.all().await?;
        Ok(answers.into_iter().next().and_then(reply::bytes))
    }

    fn error(&self, error: &fred::error::Error) -> Error {
        self.waiting.error(error).into()
    }
}

#[async_trait]
impl Asker for ValkeyAsker {
    async fn ask(&mut self, request: &Publication) -> Result<Option<u64>> {
        let (channel, tag) = (self.keys.channel(&request.exchange, &request.routing_key), Uuid::new_v4());
        let written = self.hints.are_written();
        let pipeline = self.commands.client().pipeline();
        // A command of a pipeline is only written down here: its answer comes with the others.
        let _: Result<(), _> = pipeline.publish(channel, envelope(request, &tag, Body::Base64)).await;
        if written {
            let args =
                streams::append(&self.keys.stream(&request.exchange), envelope(request, &tag, Body::Text));
            let _: Result<(), _> = pipeline.custom(fred::cmd!("XADD"), args).await;
        }
        let heard = pipeline.try_all::<Value>().await.into_iter().next();
        let heard = heard.unwrap_or(Ok(Value::Null)).map_err(|error| self.commands.error(&error))?;
        // Nobody can tell who reads a stream.
        Ok(heard.as_u64().filter(|_| !written))
    }

    async fn replies(&mut self, wait: Duration) -> Result<Vec<Result<Message, Undecodable>>> {
        let end = Instant::now() + wait;
        loop {
            // A time limit of zero would be none.
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let slice = left.min(self.patience);
            let replies = self.pop(slice).await.map_err(|error| self.error(&error))?;
            if !replies.is_empty() {
                let read =
                    |raw: Bytes| Message::from_envelope(&raw).map_err(|error| Undecodable::new(raw, error));
                return Ok(replies.into_iter().map(read).collect());
            }
            if slice == left {
                return Ok(Vec::new());
            }
        }
    }

    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Relaxed);
        declare::delete(&self.commands, &self.keys, std::slice::from_ref(&self.queue)).await
    }
}

impl Drop for ValkeyAsker {
    fn drop(&mut self) {
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (commands, keys, queue) =
                (Arc::clone(&self.commands), Arc::clone(&self.keys), self.queue.clone());
            runtime.spawn(async move {
                if let Err(error) = declare::delete(&commands, &keys, &[queue]).await {
                    tracing::debug!("a queue of replies stays: {error}");
                }
            });
        }
    }
}
