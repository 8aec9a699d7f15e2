//! Fanout exchanges, which are pub/sub channels to kombu and streams to others.
//!
//! Source: `kombu/transport/redis.py: Channel._subscribe`, `_get_subscribe_topic`, `_receive_one`; `streams.rs`.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use celery_protocol::Message;
use celery_valkey::{Events, PubSub};
use fred::types::Message as Published;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};

use super::{
    keys::Keys,
    reply,
    stream_reader::StreamReader,
    streams::{Heard, Hints, Memory, is_wanted},
};
use crate::{Broadcast, Error, Result, Subscription, Undecodable};

/// When to subscribe again on a connection that is up.
const AGAIN: Duration = Duration::from_secs(1);

/// One exchange, on a connection of its own.
pub(super) struct ValkeySubscription {
    pubsub: PubSub,
    /// Glob patterns of channels.
    channels: Vec<String>,
    /// The channel of the exchange, with a slash: what a routing key follows.
    base: String,
    /// The same by routing keys, for the stream.
    patterns: Vec<String>,
    stream: Option<StreamReader>,
    /// What came out of the stream and was not asked for yet.
    came: VecDeque<Broadcast>,
    memory: Memory,
    hints: Arc<Hints>,
    messages: Events<Published>,
    failures: Receiver<Arc<str>>,
    reconnects: Receiver<()>,
    /// The connection has the subscriptions.
    subscribed: bool,
    /// It was told that the connection is lost.
    told: bool,
}

impl ValkeySubscription {
    /// Subscribes to the routing keys of `exchange` that match one of `patterns`.
    pub(super) async fn open(
        pubsub: PubSub,
        keys: &Keys,
        hints: Arc<Hints>,
        exchange: &str,
        patterns: &[&str],
    ) -> Result<Self> {
        let mut channels: Vec<String> =
            patterns.iter().map(|pattern| keys.channel_pattern(exchange, pattern)).collect();
        if channels.is_empty() {
            channels.push(keys.channel_pattern(exchange, ""));
        }
        channels.sort_unstable();
        channels.dedup();
        let mut subscription = Self {
            channels,
            base: format!("{}/", keys.channel(exchange, "")),
            patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
            stream: None,
            came: VecDeque::new(),
            memory: Memory::default(),
            hints,
            messages: pubsub.messages(),
            failures: pubsub.failures(),
            reconnects: pubsub.reconnects(),
            pubsub,
            subscribed: false,
            told: false,
        };
        subscription.subscribe().await?;
        if subscription.hints.are_read()
            && let Some((stream, there)) =
                StreamReader::open(&subscription.pubsub, keys.stream(exchange)).await?
        {
            subscription.stream = Some(stream);
            if there {
                subscription.hints.seen();
            }
        }
        Ok(subscription)
    }

    async fn subscribe(&mut self) -> Result<()> {
        let channels: Vec<&str> = self.channels.iter().map(String::as_str).collect();
        self.pubsub.subscribe_patterns(&channels).await?;
        (self.subscribed, self.told) = (true, false);
        Ok(())
    }

    /// A message of a channel, unless it is the second copy of one.
    fn published(&mut self, published: Published) -> Option<Broadcast> {
        let raw = reply::bytes(published.value).unwrap_or_default();
        let message = Message::from_envelope(&raw).map_err(|error| Undecodable::new(raw, error));
        if self.is_copy(&message, Heard::Channel) {
            return None;
        }
        let routing_key = match (published.channel.strip_prefix(&self.base), &message) {
            (Some(routing_key), _) => routing_key.to_owned(),
            // Without `fanout_patterns` the channel has none.
            (None, Ok(message)) => message.properties.delivery_info.routing_key.clone(),
            (None, Err(_)) => String::new(),
        };
        Some(Broadcast::new(routing_key, message))
    }

    /// A message of a stream, if it is wanted.
    fn appended(&mut self, raw: Bytes) -> Option<Broadcast> {
        let message = Message::from_envelope(&raw).map_err(|error| Undecodable::new(raw, error));
        let routing_key = match &message {
            Ok(message) => message.properties.delivery_info.routing_key.clone(),
            Err(_) => String::new(),
        };
        if !is_wanted(&self.patterns, &routing_key) || self.is_copy(&message, Heard::Stream) {
            return None;
        }
        Some(Broadcast::new(routing_key, message))
    }

    fn is_copy(&mut self, message: &Result<Message, Undecodable>, heard: Heard) -> bool {
        // Without streams there are no copies.
        let tag = message.as_ref().ok().and_then(|message| message.properties.delivery_tag.as_deref());
        match tag.filter(|_| self.stream.is_some()) {
            Some(tag) => self.memory.is_copy(tag, heard),
            None => false,
        }
    }

    fn lost(&mut self, reason: impl ToString) -> Error {
        self.told = true;
        Error::Lost { url: self.pubsub.connection().url().to_owned(), reason: reason.to_string() }
    }

    /// Reads what came into the stream. A stream that cannot be read any more is given up; a lost connection is told
    /// elsewhere.
    async fn read_stream(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        match stream.read(&self.pubsub).await {
            Ok(payloads) => {
                if !payloads.is_empty() {
                    self.hints.seen();
                }
                for raw in payloads {
                    let broadcast = self.appended(raw);
                    self.came.extend(broadcast);
                }
            }
            Err(error) if error.is_transient() => {
                stream.reconnected();
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => {
                tracing::warn!("The stream of broadcasts is not read any more: {error}");
                self.stream = None;
            }
        }
    }
}

/// Waits until the stream may have something; for ever without one.
async fn ready(stream: &mut Option<StreamReader>) {
    match stream {
        Some(stream) => stream.ready().await,
        None => std::future::pending().await,
    }
}

#[async_trait]
impl Subscription for ValkeySubscription {
    async fn next(&mut self) -> Result<Broadcast> {
        loop {
            if let Some(broadcast) = self.came.pop_front() {
                return Ok(broadcast);
            }
            if !self.subscribed {
                match self.subscribe().await {
                    Ok(()) => {}
                    Err(error) if error.is_transient() => {
                        if !self.told {
                            self.told = true;
                            return Err(error);
                        }
                        // Another connection, or the same one a little later.
                        let _ = timeout(AGAIN, self.reconnects.recv()).await;
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            // In this order: what came before the connection was lost comes before the error that says so.
            tokio::select! {
                biased;
                published = self.messages.recv() => match published {
                    Ok(published) => {
                        if let Some(broadcast) = self.published(published) {
                            return Ok(broadcast);
                        }
                    }
                    Err(RecvError::Lagged(count)) => {
                        tracing::warn!("{count} messages of a fanout exchange came too fast and are lost");
                    }
                    Err(RecvError::Closed) => return Err(self.lost("the connection has ended")),
                },
                failed = self.failures.recv() => {
                    if !self.told {
                        return Err(self.lost(failed.as_deref().unwrap_or("the connection has failed")));
                    }
                }
                _ = self.reconnects.recv() => {
                    self.subscribed = false;
                    if let Some(stream) = &mut self.stream {
                        stream.reconnected();
                    }
                    if !self.told {
                        return Err(self.lost("there is a new connection"));
                    }
                }
                () = ready(&mut self.stream) => self.read_stream().await,
            }
        }
    }
}
