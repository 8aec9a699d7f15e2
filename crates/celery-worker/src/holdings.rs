//! What of the messages that are here is still this worker's.
//!
//! RabbitMQ takes back what a lost connection held, and delivers it again, here or elsewhere. Protocol: the transport knows
//! at once which deliveries those are, and then wakes the engine, which forgets what has not started. A delivery that is
//! still on its way to the engine at that moment is looked at when it comes.

use std::sync::Arc;

use celery_transport::{Acknowledger, DeliveryTag};
use tokio::sync::Notify;

/// Asks the transport.
pub(crate) struct Holdings {
    /// `None` where nothing is taken back.
    taken_back: Option<Arc<Notify>>,
    acknowledger: Arc<dyn Acknowledger>,
}

impl Holdings {
    pub(crate) fn new(acknowledger: Arc<dyn Acknowledger>) -> Self {
        Self { taken_back: acknowledger.taken_back(), acknowledger }
    }

    /// Waits until the broker has taken something back. Cancel-safe.
    pub(crate) async fn lost(&self) {
        match &self.taken_back {
            Some(taken_back) => taken_back.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Whether the broker has taken this delivery back.
    pub(crate) fn is_stale(&self, tag: &DeliveryTag) -> bool {
        self.taken_back.is_some() && self.acknowledger.is_stale(tag)
    }
}
