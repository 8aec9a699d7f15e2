//! The fetching half.

use std::{collections::VecDeque, future::pending, sync::Arc};

use async_trait::async_trait;
use celery_protocol::Message;

use super::{
    connection::Connection,
    fetch::{Fetched, Lists, Taken},
    lease::Lease,
    reconcile::{Doubt, reconcile},
    wake::Wake,
};
use crate::{Consumer, Delivery, DeliveryTag, Result, Undecodable};

/// Fetches on a connection of its own, so that the server's invalidations do not wait behind other replies.
pub(super) struct ValkeyConsumer {
    connection: Connection,
    lease: Arc<Lease>,
    lists: Lists,
    wake: Wake,
    doubt: Doubt,
    /// Found by [`reconcile`], more than there was credit for.
    found: VecDeque<Taken>,
}

impl ValkeyConsumer {
    pub(super) fn new(connection: Connection, lease: Arc<Lease>, lists: Lists) -> Self {
        let wake = Wake::new(&connection);
        Self { connection, lease, lists, wake, doubt: Doubt::default(), found: VecDeque::new() }
    }

    async fn take(&mut self, credit: usize) -> Result<Vec<Taken>> {
        if self.wake.reconnected() {
            self.doubt.raise();
        }
        let track = self.wake.prepare(&self.connection).await?;
        if self.doubt.is_due() {
            self.found.extend(reconcile(&self.connection, &self.lease, &self.lists).await?);
            self.doubt.looked();
        }
        if !self.found.is_empty() {
            let count = credit.min(self.found.len());
            return Ok(self.found.drain(..count).collect());
        }
        loop {
            self.doubt.begin();
            let fetched = self.lists.fetch(&self.connection, &self.lease, credit, track).await?;
            self.doubt.end();
            match fetched {
                Fetched::Messages(taken) => {
                    self.lease.held.insert(taken.iter().map(|taken| &taken.tag));
                    self.wake.fetched(taken.len() < credit);
                    return Ok(taken);
                }
                Fetched::NoLease if self.lease.is_closed() => return Ok(Vec::new()),
                Fetched::NoLease => self.lease.rejoin().await?,
            }
        }
    }
}

#[async_trait]
impl Consumer for ValkeyConsumer {
    async fn fetch(&mut self, credit: usize) -> Result<Vec<Delivery>> {
        if credit == 0 || self.lease.is_closed() {
            return Ok(Vec::new());
        }
        match self.take(credit).await {
            Ok(taken) => Ok(taken.into_iter().map(delivery).collect()),
            Err(error) => {
                self.doubt.raise();
                Err(error)
            }
        }
    }

    async fn ready(&mut self) -> Result<()> {
        if self.lease.is_closed() {
            return pending().await;
        }
        if self.found.is_empty() {
            self.wake.ready(&self.connection).await;
        }
        Ok(())
    }
}

fn delivery(taken: Taken) -> Delivery {
    let message = Message::from_envelope(&taken.raw).map_err(|error| Undecodable::new(taken.raw, error));
    Delivery::new(DeliveryTag(taken.tag), taken.queue, message)
}
