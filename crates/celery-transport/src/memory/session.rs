//! What a consumer holds.
//!
//! Protocol: the two halves of a consumer share a session. A tag is in it from the moment of the fetch until it is settled
//! for the first time; after that it is nothing to anybody. The lock of a session comes before that of the broker. What is left in a session that is closed, or of which both
//! halves were dropped, goes back.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use super::broker::{Broker, Held, rank};
use crate::{Delivery, DeliveryTag, PriorityOrder, Settlement, counters::Counters};

/// See the module.
pub(super) struct Session {
    pub(super) broker: Arc<Broker>,
    pub(super) counters: Counters,
    last: AtomicU64,
    held: Mutex<BTreeMap<u64, Held>>,
    closed: AtomicBool,
}

impl Session {
    pub(super) fn new(broker: Arc<Broker>) -> Self {
        Self {
            broker,
            counters: Counters::default(),
            last: AtomicU64::new(0),
            held: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<u64, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self) -> usize {
        self.held().len()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Takes up to `credit` messages, which are held from now on.
    pub(super) fn take(
        &self,
        queues: &[Arc<str>],
        turn: &mut usize,
        order: PriorityOrder,
        credit: usize,
    ) -> Vec<Delivery> {
        let mut held = self.held();
        if self.is_closed() {
            return Vec::new();
        }
        let taken = self.broker.take(queues, turn, order, credit);
        self.counters.fetches.add(1);
        self.counters.fetched.add(taken.len() as u64);
        let mut deliveries = Vec::with_capacity(taken.len());
        for message in taken {
            let number = self.last.fetch_add(1, Ordering::Relaxed);
            let tag = DeliveryTag(number.to_string().into());
            let delivery = Delivery::new(tag, Arc::clone(&message.queue), Ok(message.message.clone()));
            deliveries.push(delivery.with_rank(rank(order, message.place.0)));
            held.insert(number, message);
        }
        deliveries
    }

    pub(super) fn settle(&self, batch: &[Settlement]) {
        let mut back = Vec::new();
        let mut gone = 0;
        {
            let mut held = self.held();
            for settlement in batch {
                let number = settlement.tag().0.parse::<u64>();
                let Some(message) = number.ok().and_then(|number| held.remove(&number)) else { continue };
                match settlement {
                    Settlement::Ack(_) | Settlement::Reject(_) => gone += 1,
                    // Nothing is parked here: who asks for it all the same gets the message again.
                    Settlement::Requeue(_) | Settlement::Park { .. } => back.push((message, true)),
                    Settlement::Restore(_) => back.push((message, false)),
                }
            }
        }
        self.counters.settlements.add(1);
        self.counters.settled.add((gone + back.len()) as u64);
        self.broker.forget(gone);
        if !back.is_empty() {
            self.broker.give_back(back);
        }
    }

    /// Gives back what is held. How much that was.
    pub(super) fn close(&self) -> usize {
        let held = {
            let mut held = self.held();
            self.closed.store(true, Ordering::Release);
            std::mem::take(&mut *held)
        };
        let count = held.len();
        if count > 0 {
            self.broker.give_back(held.into_values().map(|message| (message, false)));
        }
        count
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
    }
}
