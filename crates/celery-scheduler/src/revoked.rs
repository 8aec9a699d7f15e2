//! Tasks that are not to run.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime};

/// The ids and stamps of revoked tasks.
///
/// Ids are forgotten after a while, and the oldest when there are too many (`celery/worker/state.py: revoked`, a
/// `LimitedSet`). Stamps are kept for ever, as upstream keeps them (`revoked_stamps`).
#[derive(Debug)]
pub struct Revoked {
    most: usize,
    keep: Duration,
    /// When each id was added last. Older entries of `order` for the same id mean nothing.
    ids: HashMap<String, SystemTime>,
    order: VecDeque<(SystemTime, String)>,
    stamps: HashMap<String, Vec<String>>,
}

impl Default for Revoked {
    /// 50,000 ids for three hours (`celery/worker/state.py: REVOKES_MAX, REVOKE_EXPIRES`).
    fn default() -> Self {
        Self::new(50_000, Duration::from_secs(10_800))
    }
}

impl Revoked {
    /// Remembers at most `most` ids, each for `keep`.
    pub fn new(most: usize, keep: Duration) -> Self {
        Self { most, keep, ids: HashMap::new(), order: VecDeque::new(), stamps: HashMap::new() }
    }

    /// Remembers an id, from `now` on.
    pub fn add(&mut self, id: &str, now: SystemTime) {
        self.ids.insert(id.to_owned(), now);
        self.order.push_back((now, id.to_owned()));
        self.purge(now);
    }

    /// Remembers a value of the stamp `header`.
    pub fn add_stamp(&mut self, header: &str, value: &str) {
        let values = self.stamps.entry(header.to_owned()).or_default();
        if !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    }

    /// Forgets what is too old or too much.
    pub fn purge(&mut self, now: SystemTime) {
        while let Some((at, id)) = self.order.front() {
            let current = self.ids.get(id) == Some(at);
            let old = now.duration_since(*at).is_ok_and(|age| age > self.keep);
            if current && !old && self.ids.len() <= self.most {
                return;
            }
            if current {
                self.ids.remove(id);
            }
            self.order.pop_front();
        }
    }

    /// Whether the id is revoked.
    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains_key(id)
    }

    /// Whether nothing is revoked, which is the common case.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.stamps.is_empty()
    }

    /// Whether one of the values of the stamp `header` is revoked.
    pub fn contains_stamp(&self, header: &str, values: &[String]) -> bool {
        self.stamps.get(header).is_some_and(|revoked| values.iter().any(|value| revoked.contains(value)))
    }

    /// The ids, the oldest first.
    pub fn ids(&self) -> Vec<String> {
        let current = self.order.iter().filter(|(at, id)| self.ids.get(id) == Some(at));
        current.map(|(_, id)| id.clone()).collect()
    }

    /// The revoked values by stamp.
    pub fn stamps(&self) -> &HashMap<String, Vec<String>> {
        &self.stamps
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn ids_are_forgotten_when_they_are_old() {
        let mut revoked = Revoked::new(10, Duration::from_secs(60));
        revoked.add("old", at(0));
        revoked.add("again", at(0));
        revoked.add("again", at(50));
        revoked.purge(at(60));
        assert_eq!(revoked.ids(), ["old", "again"]);
        revoked.purge(at(61));
        assert!(!revoked.contains("old") && revoked.contains("again"));
        assert_eq!(revoked.ids(), ["again"]);
        revoked.purge(at(111));
        assert!(revoked.is_empty());
    }

    #[test]
    fn the_oldest_make_room() {
        let mut revoked = Revoked::new(2, Duration::from_secs(60));
        for (second, id) in ["a", "b", "a", "c"].into_iter().enumerate() {
            revoked.add(id, at(second as u64));
        }
        assert_eq!(revoked.ids(), ["a", "c"]);
    }

    #[test]
    fn a_step_of_the_clock_forgets_nothing() {
        let mut revoked = Revoked::new(2, Duration::from_secs(60));
        revoked.add("a", at(1000));
        revoked.purge(at(0));
        assert!(revoked.contains("a"));
    }

    #[test]
    fn stamps_are_kept_once() {
        let mut revoked = Revoked::default();
        revoked.add_stamp("shop", "1");
        revoked.add_stamp("shop", "1");
        revoked.add_stamp("shop", "2");
        assert_eq!(revoked.stamps()["shop"], ["1", "2"]);
        assert!(revoked.contains_stamp("shop", &["3".to_owned(), "2".to_owned()]));
        assert!(!revoked.contains_stamp("shop", &["3".to_owned()]));
        assert!(!revoked.contains_stamp("till", &["1".to_owned()]));
    }
}
