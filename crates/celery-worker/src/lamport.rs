//! The logical clock by which monitors sort events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A Lamport clock (`kombu/clocks.py: LamportClock`). Cheap to clone; all clones are one clock.
#[derive(Debug, Clone, Default)]
pub struct LamportClock(Arc<AtomicU64>);

impl LamportClock {
    /// A clock that shows `value`.
    pub fn at(value: u64) -> Self {
        Self(Arc::new(AtomicU64::new(value)))
    }

    /// What it shows.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Something happens here: the next value.
    pub fn forward(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Something came from elsewhere, where the clock showed `other`: later than both. Returns the new value.
    pub fn adjust(&self, other: u64) -> u64 {
        let later = |own: u64| own.max(other).saturating_add(1);
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |own| Some(later(own))) {
            Ok(own) | Err(own) => later(own),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_goes_back() {
        let clock = LamportClock::at(5);
        let same = clock.clone();
        assert_eq!((clock.forward(), same.adjust(3), clock.adjust(20), same.value()), (6, 7, 21, 21));
        assert_eq!(clock.adjust(u64::MAX), u64::MAX);
    }
}
