//! The queue of one asker, on a connection that waits for it.
//!
//! The waiting connection is asked one thing at a time, by whoever owns the asker; the other one is shared with publishing,
//! so that the queue can be removed while the first still waits. `BRPOP` has a time limit below that of a command, so that
//! a dead connection is noticed.

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
    prelude::{ClientLike, ListInterface, PubsubInterface},
    types::{Key, Value},
};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    declare,
    keys::Keys,
    publisher::{Body, envelope},
    reply,
};
use crate::{Asker, Error, Publication, Queue, Result, Undecodable};

/// How many replies are taken at once.
const BURST: usize = 256;

/// A queue of replies.
pub(super) struct ValkeyAsker {
    commands: Arc<Connection>,
    waiting: Connection,
    keys: Arc<Keys>,
    queue: Queue,
    /// Replies have no priority, so they are all in this list.
    list: Key,
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
        queue: &Queue,
        command_timeout: Duration,
    ) -> Result<Self> {
        declare::declare(&commands, &keys, std::slice::from_ref(queue)).await?;
        let (queue, list) = (queue.clone(), keys.list_for(&queue.name, 0));
        let patience = command_timeout / 2;
        Ok(Self { commands, waiting, keys, queue, list, patience, closed: AtomicBool::new(false) })
    }

    fn error(&self, error: &fred::error::Error) -> Error {
        self.waiting.error(error).into()
    }
}

#[async_trait]
impl Asker for ValkeyAsker {
    async fn ask(&mut self, request: &Publication) -> Result<Option<u64>> {
        let channel = self.keys.channel(&request.exchange, &request.routing_key);
        let raw = envelope(request, &Uuid::new_v4(), Body::Base64);
        let heard: Result<u64, _> = self.commands.client().publish(channel, raw).await;
        heard.map(Some).map_err(|error| self.commands.error(&error).into())
    }

    async fn replies(&mut self, wait: Duration) -> Result<Vec<Result<Message, Undecodable>>> {
        let client = self.waiting.client();
        let end = Instant::now() + wait;
        loop {
            // A time limit of zero would be none.
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let slice = left.min(self.patience);
            // The list and the reply; nothing when the time is up, which the library's own method makes an error.
            let command = fred::cmd!("BRPOP", blocking: true);
            let args = vec![Value::from(self.list.clone()), Value::from(slice.as_secs_f64().to_string())];
            let popped: Value = client.custom(command, args).await.map_err(|error| self.error(&error))?;
            if let Some(first) = reply::elements(popped).into_iter().nth(1).and_then(reply::bytes) {
                let more: Value =
                    client.rpop(self.list.clone(), Some(BURST)).await.map_err(|error| self.error(&error))?;
                let more = reply::elements(more).into_iter().filter_map(reply::bytes);
                let read =
                    |raw: Bytes| Message::from_envelope(&raw).map_err(|error| Undecodable::new(raw, error));
                return Ok(std::iter::once(first).chain(more).map(read).collect());
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
