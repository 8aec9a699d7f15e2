//! What a consumer has done, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Statistics;

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counted since the consumer was opened.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) fetches: Counter,
    pub(super) fetched: Counter,
    pub(super) settlements: Counter,
    pub(super) settled: Counter,
    pub(super) reconnects: Counter,
}

impl Counters {
    pub(super) fn read(&self, held: usize) -> Statistics {
        Statistics {
            fetches: self.fetches.get(),
            fetched: self.fetched.get(),
            settlements: self.settlements.get(),
            settled: self.settled.get(),
            parked: 0,
            reconnects: self.reconnects.get(),
            held: held as u64,
            // The broker sees the connection end.
            lease_timeout: None,
        }
    }
}
