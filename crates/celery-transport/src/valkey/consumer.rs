//! The fetching half.

use std::{collections::VecDeque, future::pending, sync::Arc};

use async_trait::async_trait;
use celery_protocol::Message;
use celery_valkey::Connection;

use super::{
    declare,
    fetch::{Fetched, Lists, Taken},
    lease::Lease,
    ranking,
    reconcile::{Doubt, reconcile},
    sorted,
    wake::Wake,
};
use crate::{Consumer, Delivery, DeliveryTag, PriorityOrder, Queue, Result, Undecodable};

/// Fetches on a connection of its own, so that the server's invalidations do not wait behind other replies.
pub(super) struct ValkeyConsumer {
    connection: Connection,
    lease: Arc<Lease>,
    lists: Lists,
    wake: Wake,
    doubt: Doubt,
    /// Found by [`reconcile`], more than there was credit for.
    found: VecDeque<Taken>,
    queues: Vec<Queue>,
    /// The server may be another one than that on which the queues were declared, or have lost its data.
    undeclared: bool,
}

impl ValkeyConsumer {
    /// A consumer of `queues`, which are declared already.
    pub(super) fn new(connection: Connection, lease: Arc<Lease>, lists: Lists, queues: Vec<Queue>) -> Self {
        Self {
            wake: Wake::new(&connection),
            connection,
            lease,
            lists,
            doubt: Doubt::default(),
            found: VecDeque::new(),
            queues,
            undeclared: false,
        }
    }

    async fn take(&mut self, credit: usize) -> Result<Vec<Taken>> {
        let reconnected = self.wake.reconnected();
        if reconnected {
            self.doubt.raise();
            self.undeclared = true;
            self.lease.counters.reconnects.add(1);
            // What broke this connection may have broken the other one.
            self.lease.commands.suspect();
        }
        if let Some(reason) = self.wake.take_failure(&self.connection, reconnected) {
            return Err(self.connection.lost(&reason).into());
        }
        if self.undeclared {
            if declare::declare(&self.connection, &self.lease.keys, &self.queues).await? {
                self.lease.hints.seen();
            }
            self.undeclared = false;
        }
        let track = self.wake.prepare(&self.connection).await?;
        if self.doubt.is_due() {
            self.found.extend(reconcile(&self.connection, &self.lease, &self.lists).await?);
            self.doubt.looked();
            // What was given back on this connection is no news to it.
            self.wake.look_anew();
        }
        if !self.found.is_empty() {
            let count = credit.min(self.found.len());
            return Ok(self.found.drain(..count).collect());
        }
        loop {
            self.doubt.begin();
            self.lease.counters.fetches.add(1);
            let look = self.wake.take_look();
            let fetched = self.lists.fetch(&self.connection, &self.lease, credit, track, &look).await?;
            self.doubt.end();
            match fetched {
                Fetched::Messages { taken, more } => {
                    self.lease.held.insert(taken.iter().map(|taken| &taken.tag));
                    self.lease.counters.fetched.add(taken.len() as u64);
                    self.wake.fetched(taken.len(), !more);
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
        if credit == 0 || self.queues.is_empty() || self.lease.is_closed() {
            return Ok(Vec::new());
        }
        match self.take(credit).await {
            Ok(taken) => {
                let order = self.lists.priorities;
                let mut deliveries: Vec<_> = taken.into_iter().map(|taken| delivery(taken, order)).collect();
                // Only the number in the message tells those of one list apart.
                deliveries.sort_by_key(|delivery| delivery.rank);
                Ok(deliveries)
            }
            Err(error) => {
                self.doubt.raise();
                Err(error)
            }
        }
    }

    async fn ready(&mut self) -> Result<()> {
        if self.queues.is_empty() || self.lease.is_closed() {
            return pending().await;
        }
        if self.found.is_empty() {
            let certain = !self.undeclared && !self.doubt.is_open();
            self.wake.ready(&self.connection, || self.lists.keys(), self.lease.peers(), certain).await;
        }
        Ok(())
    }

    async fn consume_from(&mut self, queues: &[Queue]) -> Result<()> {
        declare::refuse_fanout(self.connection.url(), queues)?;
        let keys = &self.lease.keys;
        let declaring = async {
            declare::refuse_older_layout(&self.connection, keys, queues).await?;
            declare::declare(&self.connection, keys, queues).await
        };
        match declaring.await {
            Ok(false) => {}
            Ok(true) => self.lease.hints.seen(),
            Err(error) if error.is_transient() => self.undeclared = true,
            Err(error) => return Err(error),
        }
        self.lists = self.lists.of(keys, &self.lease.options, queues);
        self.lease.set_queues(queues);
        self.queues = queues.to_vec();
        self.wake.look_anew();
        Ok(())
    }
}

fn delivery(taken: Taken, order: PriorityOrder) -> Delivery {
    let Taken { tag, queue, raw, place, delivered } = taken;
    let message = match place {
        ranking::Place::Step(_) => Message::from_envelope(&raw),
        ranking::Place::Level(_) => sorted::message(&raw, &queue, delivered),
    };
    let message = message.map_err(|error| Undecodable::new(raw, error));
    let priority = message.as_ref().ok().and_then(|message| message.properties.priority);
    Delivery::new(DeliveryTag(tag), queue, message).with_rank(ranking::rank(order, place, priority))
}
