//! Messages for whoever listens at the moment.

use async_trait::async_trait;
use celery_protocol::Message;

use crate::{Result, Undecodable};

/// Listens to a fanout exchange: events, and commands to all workers. One task owns it; it ends when it is dropped.
#[async_trait]
pub trait Subscription: Send {
    /// The next message. Waits as long as it takes. Cancel-safe.
    ///
    /// A lost connection is told once, as an [`Error::Lost`](crate::Error::Lost): what is published until it is back
    /// never arrives. Call it again: the driver reconnects by itself.
    async fn next(&mut self) -> Result<Broadcast>;
}

/// A message from a fanout exchange. There is nothing to settle.
#[derive(Debug)]
#[non_exhaustive]
pub struct Broadcast {
    /// What it was sent with: `worker.heartbeat`; often empty.
    pub routing_key: String,
    /// The message, or what could not be read as one.
    pub message: Result<Message, Undecodable>,
    /// Which of [several](crate::Several) brokers it came from: 0 is the first, or the only one.
    pub broker: usize,
}

impl Broadcast {
    /// A `message` that was sent with `routing_key`.
    pub fn new(routing_key: impl Into<String>, message: Result<Message, Undecodable>) -> Self {
        Self { routing_key: routing_key.into(), message, broker: 0 }
    }

    /// Says which of several brokers it came from.
    #[must_use]
    pub fn from_broker(mut self, broker: usize) -> Self {
        self.broker = broker;
        self
    }
}
