//! Sending messages.

use std::sync::Arc;

use async_trait::async_trait;

use super::broker::Broker;
use crate::{Publication, Publisher, Queue, Result};

/// Puts messages into queues.
pub(super) struct MemoryPublisher(pub(super) Arc<Broker>);

#[async_trait]
impl Publisher for MemoryPublisher {
    async fn publish(&self, batch: &[Publication]) -> Vec<Result<()>> {
        self.0.publish(batch);
        batch.iter().map(|_| Ok(())).collect()
    }

    async fn declare(&self, queues: &[Queue]) -> Result<()> {
        self.0.declare(queues);
        Ok(())
    }

    async fn delete(&self, queues: &[Queue]) -> Result<()> {
        let names: Vec<&str> = queues.iter().map(|queue| queue.name.as_str()).collect();
        self.0.delete(&names);
        Ok(())
    }
}
