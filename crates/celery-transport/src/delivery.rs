//! One message on its way to a worker, and what the worker says of it afterwards.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use celery_protocol::Message;

/// What names a delivery to the broker. Opaque to everyone but the driver that made it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryTag(pub Arc<str>);

/// A message that the broker has handed to this worker and keeps until it is settled.
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// Names this delivery in [`Settlement`]s.
    pub tag: DeliveryTag,
    /// The queue it came from.
    pub queue: Arc<str>,
    /// The message, or what could not be read as one.
    pub message: Result<Message, Undecodable>,
    /// Its place among the messages that this worker holds: the lower runs sooner, equal ones in the order in which they
    /// came. Numbers of different queues compare.
    pub rank: u16,
}

impl Delivery {
    /// A delivery of `message` from `queue`.
    pub fn new(tag: DeliveryTag, queue: Arc<str>, message: Result<Message, Undecodable>) -> Self {
        Self { tag, queue, message, rank: 0 }
    }

    /// Sets its place among the messages that this worker holds.
    #[must_use]
    pub fn with_rank(mut self, rank: u16) -> Self {
        self.rank = rank;
        self
    }
}

/// Bytes from a queue that are no message.
#[derive(Debug)]
#[non_exhaustive]
pub struct Undecodable {
    /// The bytes as the broker gave them.
    pub raw: Bytes,
    /// Why they could not be read.
    pub error: celery_protocol::Error,
}

impl Undecodable {
    /// Bytes that could not be read because of `error`.
    pub fn new(raw: Bytes, error: celery_protocol::Error) -> Self {
        Self { raw, error }
    }
}

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Done: the broker forgets it.
    Ack(DeliveryTag),
    /// Refused for good (`basic.reject(requeue=False)`): forgotten, or dead-lettered where the broker does that.
    Reject(DeliveryTag),
    /// Put it back at the end of its queue, marked as redelivered (`basic.reject(requeue=True)`).
    Requeue(DeliveryTag),
    /// Not started: put it back where it was, next to be served (what kombu does at shutdown), marked as redelivered.
    Restore(DeliveryTag),
    /// For later: the worker lets go of it, the broker keeps it until it is due and then puts it back into its queue, with
    /// its priority and not marked as redelivered. It comes a few seconds early, so that whoever takes it can start it on
    /// time. Only where [`Acknowledger::shortest_parking`](crate::Acknowledger::shortest_parking) says so.
    Park {
        /// The delivery.
        tag: DeliveryTag,
        /// When it is due, by this machine's clock.
        due: SystemTime,
    },
}

impl Settlement {
    /// The delivery that is settled.
    pub fn tag(&self) -> &DeliveryTag {
        match self {
            Self::Ack(tag)
            | Self::Reject(tag)
            | Self::Requeue(tag)
            | Self::Restore(tag)
            | Self::Park { tag, .. } => tag,
        }
    }
}
