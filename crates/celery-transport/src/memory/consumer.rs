//! The fetching half.

use std::{future::pending, sync::Arc};

use async_trait::async_trait;

use super::session::Session;
use crate::{Consumer, Delivery, PriorityOrder, Queue, Result};

/// Takes messages out of queues.
pub(super) struct MemoryConsumer {
    session: Arc<Session>,
    queues: Vec<Arc<str>>,
    order: PriorityOrder,
    /// Whose turn it is.
    turn: usize,
}

impl MemoryConsumer {
    pub(super) fn open(session: Arc<Session>, queues: &[Queue], order: PriorityOrder) -> Self {
        let mut consumer = Self { session, queues: Vec::new(), order, turn: 0 };
        consumer.turn_to(queues);
        consumer
    }

    fn turn_to(&mut self, queues: &[Queue]) {
        self.session.broker.declare(queues);
        self.queues = queues.iter().map(|queue| queue.name.as_str().into()).collect();
        self.turn = 0;
    }
}

#[async_trait]
impl Consumer for MemoryConsumer {
    async fn fetch(&mut self, credit: usize) -> Result<Vec<Delivery>> {
        let Self { session, queues, order, turn } = self;
        Ok(session.take(queues, turn, *order, credit))
    }

    async fn ready(&mut self) -> Result<()> {
        if !self.session.is_closed() {
            self.session.broker.arrival(&self.queues).await;
        }
        if self.session.is_closed() {
            return pending().await;
        }
        Ok(())
    }

    async fn consume_from(&mut self, queues: &[Queue]) -> Result<()> {
        self.turn_to(queues);
        Ok(())
    }
}
