//! The driver for RabbitMQ 3.8 or later, wire compatible with kombu's `pyamqp` transport.
//!
//! Queues, exchanges and bindings are declared as stock Celery declares them, with what a [`Queue`](crate::Queue) says in
//! its [`Declaration`](crate::Declaration). Stock workers and producers share them.
//!
//! | what | how | file |
//! |---|---|---|
//! | consuming | `basic.consume` on a connection of its own, prefetch per consumer | `consumer.rs`, `feed.rs` |
//! | settling | acks with `multiple` where that is safe, rejections before acks | `session.rs`, `ledger.rs` |
//! | publishing | every message confirmed, and returned if no queue takes it | `publisher.rs` |
//! | commands, events | an exclusive queue of the listener's own | `subscription.rs` |
//! | replies | an exclusive queue of the asker's own | `asker.rs` |
//!
//! Recovery is ours, not the client library's. A lost channel is told once, and opened again by whoever needs it. What
//! was delivered on it belongs to an earlier generation: the broker delivers it again, marked as redelivered, and an
//! acknowledgement of it is nothing to anybody.
//!
//! A higher priority is served sooner, up to `x-max-priority` of the queue; without that the queue is first in, first out.

mod acknowledger;
mod address;
mod asker;
mod consumer;
mod declare;
mod driver;
mod failure;
mod feed;
mod ledger;
mod link;
mod message;
mod options;
mod place;
mod publisher;
mod session;
mod socket;
mod subscription;
mod table;

pub use address::{SCHEMES, is_ours};
pub use driver::Amqp;
