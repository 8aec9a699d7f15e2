//! Fanout exchanges, which are pub/sub channels.
//!
//! Source: `kombu/transport/redis.py: Channel._subscribe`, `_get_subscribe_topic`, `_receive_one`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use celery_protocol::Message;
use celery_valkey::{Events, PubSub};
use fred::types::Message as Published;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};

use super::{keys::Keys, reply};
use crate::{Broadcast, Error, Result, Subscription, Undecodable};

/// When to subscribe again on a connection that is up.
const AGAIN: Duration = Duration::from_secs(1);

/// One exchange, on a connection of its own.
pub(super) struct ValkeySubscription {
    pubsub: PubSub,
    /// Glob patterns of channels.
    patterns: Vec<String>,
    /// The channel of the exchange, with a slash: what a routing key follows.
    base: String,
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
    pub(super) async fn open(pubsub: PubSub, keys: &Keys, exchange: &str, patterns: &[&str]) -> Result<Self> {
        let mut channels: Vec<String> =
            patterns.iter().map(|pattern| keys.channel_pattern(exchange, pattern)).collect();
        if channels.is_empty() {
            channels.push(keys.channel_pattern(exchange, ""));
        }
        channels.sort_unstable();
        channels.dedup();
        let mut subscription = Self {
            patterns: channels,
            base: format!("{}/", keys.channel(exchange, "")),
            messages: pubsub.messages(),
            failures: pubsub.failures(),
            reconnects: pubsub.reconnects(),
            pubsub,
            subscribed: false,
            told: false,
        };
        subscription.subscribe().await?;
        Ok(subscription)
    }

    async fn subscribe(&mut self) -> Result<()> {
        let patterns: Vec<&str> = self.patterns.iter().map(String::as_str).collect();
        self.pubsub.subscribe_patterns(&patterns).await?;
        (self.subscribed, self.told) = (true, false);
        Ok(())
    }

    fn broadcast(&self, published: Published) -> Broadcast {
        let raw = reply::bytes(published.value).unwrap_or_default();
        let message = Message::from_envelope(&raw).map_err(|error| Undecodable::new(raw, error));
        let routing_key = match (published.channel.strip_prefix(&self.base), &message) {
            (Some(routing_key), _) => routing_key.to_owned(),
            // Without `fanout_patterns` the channel has none.
            (None, Ok(message)) => message.properties.delivery_info.routing_key.clone(),
            (None, Err(_)) => String::new(),
        };
        Broadcast::new(routing_key, message)
    }

    fn lost(&mut self, reason: impl ToString) -> Error {
        self.told = true;
        Error::Lost { url: self.pubsub.connection().url().to_owned(), reason: reason.to_string() }
    }
}

#[async_trait]
impl Subscription for ValkeySubscription {
    async fn next(&mut self) -> Result<Broadcast> {
        loop {
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
                    Ok(published) => return Ok(self.broadcast(published)),
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
                    if !self.told {
                        return Err(self.lost("there is a new connection"));
                    }
                }
            }
        }
    }
}
