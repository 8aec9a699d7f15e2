//! The queue of one asker.

use std::{slice, sync::Arc, time::Duration};

use async_trait::async_trait;
use celery_protocol::Message;
use tokio::time::timeout;

use super::broker::Broker;
use crate::{Asker, PriorityOrder, Publication, Queue, Result, Undecodable};

/// Takes replies; the queue ends with it.
pub(super) struct MemoryAsker {
    broker: Arc<Broker>,
    queue: Arc<str>,
}

impl MemoryAsker {
    pub(super) fn open(broker: Arc<Broker>, queue: &Queue) -> Self {
        broker.declare(slice::from_ref(queue));
        Self { broker, queue: queue.name.as_str().into() }
    }
}

#[async_trait]
impl Asker for MemoryAsker {
    async fn ask(&mut self, request: &Publication) -> Result<Option<u64>> {
        Ok(Some(self.broker.publish(slice::from_ref(request)) as u64))
    }

    async fn replies(&mut self, wait: Duration) -> Result<Vec<Result<Message, Undecodable>>> {
        let queues = slice::from_ref(&self.queue);
        // When the time is up there are none.
        let _ = timeout(wait, self.broker.arrival(queues)).await;
        let taken = self.broker.take(queues, &mut 0, PriorityOrder::Celery, usize::MAX);
        self.broker.forget(taken.len());
        Ok(taken.into_iter().map(|held| Ok(held.message)).collect())
    }

    async fn close(&self) -> Result<()> {
        self.broker.delete(&[&*self.queue]);
        Ok(())
    }
}

impl Drop for MemoryAsker {
    fn drop(&mut self) {
        self.broker.delete(&[&*self.queue]);
    }
}
