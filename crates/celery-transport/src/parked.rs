//! A message that the broker keeps for later.

use std::time::SystemTime;

use celery_protocol::Message;

/// A message that was parked ([`Settlement::Park`](crate::Settlement::Park)).
#[derive(Debug)]
#[non_exhaustive]
pub struct Parked {
    /// When it goes back into its queue, by the clock of the broker.
    pub due: SystemTime,
    /// The queue.
    pub queue: String,
    /// The message.
    pub message: Message,
}

impl Parked {
    /// A `message` that goes back into `queue` when it is `due`.
    pub fn new(due: SystemTime, queue: impl Into<String>, message: Message) -> Self {
        Self { due, queue: queue.into(), message }
    }
}
