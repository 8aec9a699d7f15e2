//! What a consumer has done.

use std::time::Duration;

/// Counters of a consumer since it was opened, for people to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Round trips to fetch messages.
    pub fetches: u64,
    /// Messages fetched.
    pub fetched: u64,
    /// Round trips to settle messages.
    pub settlements: u64,
    /// Messages settled, in whatever way.
    pub settled: u64,
    /// Messages parked, which are among the settled ones.
    pub parked: u64,
    /// How often the connection for fetching was made again.
    pub reconnects: u64,
    /// Messages held now: fetched and not settled.
    pub held: u64,
    /// For how long the broker waits for a worker that is silent before others get its messages; `None` where it finds out
    /// another way.
    pub lease_timeout: Option<Duration>,
}

impl Statistics {
    /// The sum of both, and the longer lease.
    #[must_use]
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            fetches: self.fetches + other.fetches,
            fetched: self.fetched + other.fetched,
            settlements: self.settlements + other.settlements,
            settled: self.settled + other.settled,
            parked: self.parked + other.parked,
            reconnects: self.reconnects + other.reconnects,
            held: self.held + other.held,
            lease_timeout: self.lease_timeout.max(other.lease_timeout),
        }
    }
}
