//! Asking whoever listens, and taking what they answer.

use std::time::Duration;

use async_trait::async_trait;
use celery_protocol::Message;

use crate::{Publication, Result, Undecodable};

/// The queue of one asker, from [`Transport::asker`](crate::Transport::asker): replies to control commands. One task owns
/// it.
///
/// Replies are not acknowledged: what was taken is gone from the broker.
#[async_trait]
pub trait Asker: Send {
    /// Sends a request to a fanout exchange. Returns how many listen to it at the moment, where the broker says so: a
    /// broker with several servers may count only those of one.
    async fn ask(&mut self, request: &Publication) -> Result<Option<u64>>;

    /// Takes the replies that are there, the oldest first, and waits up to `wait` for the first one: the broker tells, it
    /// is not asked again and again. No reply in time gives an empty list.
    ///
    /// Not cancel-safe: replies that were on their way are lost. Ask again rather than wait again.
    async fn replies(&mut self, wait: Duration) -> Result<Vec<Result<Message, Undecodable>>>;

    /// Removes the queue and whatever is in it. An asker that is dropped does so too, as long as the runtime lives.
    async fn close(&self) -> Result<()>;
}
