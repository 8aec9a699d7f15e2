//! Values that are kept for some time.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

/// How many values there are before it is looked for those that have expired.
const SWEEP_AT_LEAST: usize = 1024;

/// Values by their names, each until it expires. To add one costs no more than a constant, taken over many.
#[derive(Debug)]
pub(super) struct Kept<V> {
    values: HashMap<String, Entry<V>>,
    sweep_at: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    until: Option<Instant>,
}

impl<V> Default for Kept<V> {
    fn default() -> Self {
        Self { values: HashMap::new(), sweep_at: SWEEP_AT_LEAST }
    }
}

impl<V> Entry<V> {
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// When something ends that lasts for so long from now. Past what a clock can show is for ever.
pub(super) fn until(expires: Option<Duration>) -> Option<Instant> {
    Instant::now().checked_add(expires?)
}

impl<V> Kept<V> {
    pub(super) fn get(&self, name: &str) -> Option<&V> {
        self.values.get(name).filter(|entry| !entry.is_over(Instant::now())).map(|entry| &entry.value)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        let now = Instant::now();
        self.values.get_mut(name).filter(|entry| !entry.is_over(now)).map(|entry| &mut entry.value)
    }

    pub(super) fn set(&mut self, name: &str, value: V, expires: Option<Duration>) {
        if self.values.len() >= self.sweep_at {
            let now = Instant::now();
            self.values.retain(|_, entry| !entry.is_over(now));
            self.sweep_at = SWEEP_AT_LEAST.max(2 * self.values.len());
        }
        self.values.insert(name.to_owned(), Entry { value, until: until(expires) });
    }

    /// Keeps what is there for so long from now.
    pub(super) fn keep(&mut self, name: &str, expires: Option<Duration>) {
        if let Some(entry) = self.values.get_mut(name) {
            entry.until = until(expires);
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.values.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_has_expired_is_gone() {
        let mut kept = Kept::default();
        kept.set("short", 1, Some(Duration::from_secs(10)));
        kept.set("kept", 2, Some(Duration::from_secs(10)));
        kept.set("ever", 3, None);
        kept.keep("kept", Some(Duration::from_secs(20)));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!([kept.get("short"), kept.get("kept"), kept.get("ever")], [None, Some(&2), Some(&3)]);
        assert_eq!(kept.get_mut("short"), None);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!([kept.get("kept"), kept.get("ever")], [None, Some(&3)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_expired_takes_no_room_for_long() {
        let mut kept = Kept::default();
        for round in 0..10 {
            for number in 0..SWEEP_AT_LEAST {
                kept.set(&format!("{round}.{number}"), (), Some(Duration::from_secs(1)));
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(kept.values.len() <= 2 * SWEEP_AT_LEAST, "{}", kept.values.len());
    }
}
