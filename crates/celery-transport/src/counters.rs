//! What a consumer has done, counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::Statistics;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counted since the consumer was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) fetches: Counter,
    pub(crate) fetched: Counter,
    pub(crate) settlements: Counter,
    pub(crate) settled: Counter,
    pub(crate) parked: Counter,
    pub(crate) reconnects: Counter,
}

impl Counters {
    /// The numbers, of a consumer that holds so many messages and whose broker takes it for dead after so long.
    pub(crate) fn read(&self, held: usize, lease_timeout: Option<Duration>) -> Statistics {
        Statistics {
            fetches: self.fetches.get(),
            fetched: self.fetched.get(),
            settlements: self.settlements.get(),
            settled: self.settled.get(),
            parked: self.parked.get(),
            reconnects: self.reconnects.get(),
            held: held as u64,
            lease_timeout,
        }
    }
}
