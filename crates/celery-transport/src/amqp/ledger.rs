//! Which deliveries of a channel are settled, and what one `basic.ack` with `multiple` may cover.
//!
//! RabbitMQ numbers the deliveries of a channel from 1 on. An ack with `multiple` covers all up to its number that are not
//! settled, also one that the client has not looked at yet: such an ack would lose it. So a number is only covered when
//! all below it have been seen, and none of them is still outstanding.

use std::collections::{BTreeMap, BTreeSet};

/// The deliveries of one channel. A channel is of one generation; a later one begins anew.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    generation: u64,
    /// What is not settled, and which feed it came from.
    outstanding: BTreeMap<u64, u32>,
    /// How many those are, by feed.
    counts: BTreeMap<u32, usize>,
    /// All up to here have been seen.
    seen: u64,
    /// Seen beyond that.
    ahead: BTreeSet<u64>,
}

/// How to acknowledge some deliveries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Acks {
    /// All up to this one.
    pub(super) up_to: Option<u64>,
    /// And these.
    pub(super) single: Vec<u64>,
}

impl Ledger {
    /// A new channel: what was outstanding is not ours any more.
    pub(super) fn begin(&mut self) {
        *self = Self { generation: self.generation + 1, ..Self::default() };
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// A delivery has come from `feed`.
    pub(super) fn receive(&mut self, tag: u64, feed: u32) {
        self.outstanding.insert(tag, feed);
        *self.counts.entry(feed).or_default() += 1;
        self.ahead.insert(tag);
        while self.ahead.remove(&(self.seen + 1)) {
            self.seen += 1;
        }
    }

    /// A delivery is settled from now on. Whether it was outstanding.
    pub(super) fn settle(&mut self, tag: u64) -> bool {
        let Some(feed) = self.outstanding.remove(&tag) else { return false };
        if let Some(count) = self.counts.get_mut(&feed) {
            *count -= 1;
        }
        true
    }

    /// How to acknowledge `tags`, which have been settled here.
    pub(super) fn acks(&self, mut tags: Vec<u64>) -> Acks {
        tags.sort_unstable();
        let first_open = self.outstanding.first_key_value().map_or(u64::MAX, |(tag, _)| *tag);
        let covered = tags.partition_point(|tag| *tag < first_open && *tag <= self.seen);
        let single = tags.split_off(covered);
        Acks { up_to: tags.last().copied(), single }
    }

    /// How much of what came from `feed` is outstanding.
    pub(super) fn outstanding(&self, feed: u32) -> usize {
        self.counts.get(&feed).copied().unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.outstanding.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(tags: &[u64]) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.begin();
        tags.iter().for_each(|tag| ledger.receive(*tag, 0));
        ledger
    }

    fn settled(ledger: &mut Ledger, tags: &[u64]) -> Acks {
        let tags: Vec<u64> = tags.iter().copied().filter(|tag| ledger.settle(*tag)).collect();
        ledger.acks(tags)
    }

    #[test]
    fn all_below_the_first_that_is_open() {
        let mut ledger = ledger(&[1, 2, 3, 4, 5]);
        assert_eq!(settled(&mut ledger, &[5, 2, 1]), Acks { up_to: Some(2), single: vec![5] });
        assert_eq!(settled(&mut ledger, &[4]), Acks { up_to: None, single: vec![4] });
        assert_eq!(settled(&mut ledger, &[3]), Acks { up_to: Some(3), single: vec![] });
        assert_eq!(settled(&mut ledger, &[3]), Acks::default(), "once");
    }

    #[test]
    fn what_was_not_seen_is_not_covered() {
        let mut ledger = ledger(&[1, 3]);
        assert_eq!(settled(&mut ledger, &[1, 3]), Acks { up_to: Some(1), single: vec![3] });
        ledger.receive(2, 1);
        assert_eq!(ledger.outstanding(1), 1);
        ledger.receive(4, 0);
        assert_eq!(settled(&mut ledger, &[2, 4]), Acks { up_to: Some(4), single: vec![] });
    }

    #[test]
    fn a_new_channel_begins_anew() {
        let mut ledger = ledger(&[1]);
        ledger.begin();
        assert_eq!((ledger.generation(), ledger.len()), (2, 0));
        assert!(!ledger.settle(1));
    }
}
