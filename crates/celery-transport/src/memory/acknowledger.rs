//! The settling half.

use std::sync::Arc;

use async_trait::async_trait;

use super::session::Session;
use crate::{Acknowledger, Result, Settlement, Statistics};

/// Settles what its consumer has taken.
pub(super) struct MemoryAcknowledger(pub(super) Arc<Session>);

#[async_trait]
impl Acknowledger for MemoryAcknowledger {
    async fn settle(&self, batch: &[Settlement]) -> Result<()> {
        self.0.settle(batch);
        Ok(())
    }

    fn statistics(&self) -> Statistics {
        self.0.counters.read(self.0.count(), None)
    }

    async fn close(&self) -> Result<usize> {
        Ok(self.0.close())
    }
}
