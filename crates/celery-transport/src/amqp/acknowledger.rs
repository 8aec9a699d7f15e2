//! The settling half.

use std::sync::Arc;

use async_trait::async_trait;

use super::session::Session;
use crate::{Acknowledger, Result, Settlement, Statistics};

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

    fn statistics(&self) -> Statistics {
        // The broker sees the connection end.
        self.0.counters.read(self.0.held(), None)
    }

    async fn close(&self) -> Result<usize> {
        Ok(self.0.close().await)
    }
}
