//! The settling half.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::session::Session;
use crate::{Acknowledger, DeliveryTag, Result, Settlement, Statistics};

/// Settles on the channel that the deliveries came on.
pub(super) struct AmqpAcknowledger(pub(super) Arc<Session>);

#[async_trait]
impl Acknowledger for AmqpAcknowledger {
    /// Always succeeds: on a lost channel there is nothing to settle any more, as the broker delivers again what was
    /// outstanding.
    async fn settle(&self, batch: &[Settlement]) -> Result<()> {
        self.0.settle(batch).await;
        Ok(())
    }

    fn taken_back(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.0.taken_back))
    }

    fn is_stale(&self, tag: &DeliveryTag) -> bool {
        self.0.is_stale(tag)
    }

    fn statistics(&self) -> Statistics {
        // The broker sees the connection end.
        self.0.counters.read(self.0.held(), None)
    }

    async fn close(&self) -> Result<usize> {
        Ok(self.0.close().await)
    }
}
