//! Results as messages to whoever sent the task (`rpc://`), wire compatible with Celery's backend of that name.
//!
//! A result is published to the default exchange with the task's `reply_to` as the routing key, and its `correlation_id`.
//! The queue is that of one client, who alone reads it. Nothing is kept: there are no chords, and no result for others.
//!
//! Source: `celery/backends/rpc.py: RPCBackend`.
//!
//! # What a task costs
//!
//! One message, published and confirmed together with those of its burst: a round trip for each burst. A task that nobody
//! waits for (no `reply_to`) costs nothing.

mod chords;
mod driver;
mod inbox;
mod letters;
mod reader;

pub use driver::{Rpc, is_ours};
