//! Many idle workers, one message: who looks, and when.
//!
//! # Protocol
//!
//! A push tells every worker that waits for the queue ([`Wake`](super::wake::Wake)). If all of them fetched, all but one
//! would do so in vain. There is nobody who could choose one, so each decides alone, by what it has found before:
//!
//! - A worker that was told waits for a random part of its window, then looks.
//! - Who was served looks by fetching. Who was not asks first whether there is anything (`EXISTS`, which has the server tell
//!   of the next push as well), and fetches only if there is.
//! - Who finds something has half the window from then on; who finds nothing four times.
//!
//! So a few workers take what comes, at once, for as long as they have free slots: a worker without credit neither looks
//! nor waits. Then nobody takes it, and who of the others looks first finds it, and is one of the few.
//!
//! A wake-up is never dropped: whoever was told looks, at the latest after the longest window. Both bounds grow with the
//! number of workers that have the same queues (`renew.lua` counts them). A worker that has its queues alone never waits.
//! The shortest window of many also lets a few messages come together, which are then taken in one fetch.

use std::time::Duration;

use uuid::Uuid;

/// For each other worker, and at most: the shortest window.
const SHORTEST: (Duration, Duration) = (Duration::from_micros(100), Duration::from_millis(5));
/// For each other worker, and at most: the longest window.
const LONGEST: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// What this worker knows of the others.
#[derive(Debug, Default)]
pub(super) struct Herd {
    /// Others with the same queues.
    peers: u32,
    window: Duration,
    /// It found something when it was told the last time.
    served: bool,
}

impl Herd {
    /// There are so many others.
    pub(super) fn count(&mut self, peers: u32) {
        self.peers = peers;
    }

    /// How long to wait before looking.
    pub(super) fn pause(&self) -> Duration {
        let [shortest, longest] = self.bounds();
        self.window.clamp(shortest, longest).mul_f64(fraction())
    }

    /// Whether to ask before fetching.
    pub(super) fn asks(&self) -> bool {
        self.peers > 0 && !self.served
    }

    /// It was told, looked, and found something or nothing.
    pub(super) fn looked(&mut self, found: bool) {
        let [shortest, longest] = self.bounds();
        self.served = found;
        let window = self.window.clamp(shortest, longest);
        self.window = if found { window / 2 } else { 4 * window }.clamp(shortest, longest);
    }

    fn bounds(&self) -> [Duration; 2] {
        [SHORTEST, LONGEST].map(|(each, most)| (self.peers * each).min(most))
    }
}

/// A random number from 0 to 1.
fn fraction() -> f64 {
    let [first, second, third, fourth, ..] = Uuid::new_v4().into_bytes();
    f64::from(u32::from_be_bytes([first, second, third, fourth])) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_alone_looks_at_once() {
        let mut herd = Herd::default();
        for found in [true, false, false, true] {
            assert_eq!((herd.pause(), herd.asks()), (Duration::ZERO, false));
            herd.looked(found);
        }
    }

    #[test]
    fn who_finds_nothing_looks_later_and_asks_first() {
        let mut herd = Herd::default();
        herd.count(49);
        assert!(herd.asks());
        for _ in 0..20 {
            herd.looked(false);
        }
        let pauses: Vec<_> = (0..1000).map(|_| herd.pause()).collect();
        let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
        assert!(
            *least < Duration::from_millis(100) && *most > Duration::from_millis(880),
            "{least:?} {most:?}"
        );
        assert!(*most <= Duration::from_millis(980));
        for _ in 0..20 {
            herd.looked(true);
        }
        assert!(!herd.asks());
        assert!((0..1000).all(|_| herd.pause() <= Duration::from_millis(5)));
        // The others have left.
        herd.count(0);
        assert_eq!(herd.pause(), Duration::ZERO);
    }
}
