//! What waits for a time of its own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::SystemTime;

/// A queue ordered by due time; what is due at the same time leaves in the order it came.
#[derive(Debug)]
pub struct DueQueue<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    sequence: u64,
}

#[derive(Debug)]
struct Entry<T> {
    due: SystemTime,
    sequence: u64,
    item: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.sequence) == (other.due, other.sequence)
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.sequence).cmp(&(other.due, other.sequence))
    }
}

impl<T> Default for DueQueue<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0 }
    }
}

impl<T> DueQueue<T> {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `item`, to leave at `due`.
    pub fn push(&mut self, due: SystemTime, item: T) {
        self.sequence += 1;
        self.heap.push(Reverse(Entry { due, sequence: self.sequence, item }));
    }

    /// Takes the first item that is due at `now`.
    pub fn pop_due(&mut self, now: SystemTime) -> Option<T> {
        if self.next_due()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry.item)
    }

    /// When the first item is due.
    pub fn next_due(&self) -> Option<SystemTime> {
        self.heap.peek().map(|Reverse(entry)| entry.due)
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Takes whatever `wanted` says, in no order.
    pub fn take_if(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Vec<T> {
        if !self.heap.iter().any(|Reverse(entry)| wanted(&entry.item)) {
            return Vec::new();
        }
        let (taken, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.heap).into_iter().partition(|Reverse(entry)| wanted(&entry.item));
        self.heap = kept.into();
        taken.into_iter().map(|Reverse(entry)| entry.item).collect()
    }

    /// What waits, with its due time, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (SystemTime, &T)> {
        self.heap.iter().map(|Reverse(entry)| (entry.due, &entry.item))
    }

    /// Takes everything, due or not, in due order.
    pub fn drain(&mut self) -> Vec<T> {
        let mut items = Vec::with_capacity(self.heap.len());
        while let Some(Reverse(entry)) = self.heap.pop() {
            items.push(entry.item);
        }
        items
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn leaves_in_due_order_and_first_come_within() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let mut queue = DueQueue::new();
        queue.push(at(20), "second");
        queue.push(at(10), "first");
        queue.push(at(20), "third");
        assert_eq!(queue.next_due(), Some(at(10)));
        assert_eq!(queue.pop_due(at(9)), None);
        assert_eq!(queue.pop_due(at(20)), Some("first"));
        assert_eq!(queue.drain(), ["second", "third"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn some_are_taken_out_and_the_others_keep_their_order() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let mut queue = DueQueue::new();
        for (due, item) in [(3, "c"), (1, "a"), (2, "b"), (4, "d")] {
            queue.push(at(due), item);
        }
        assert_eq!(queue.take_if(|_| false), Vec::<&str>::new());
        assert_eq!(queue.take_if(|item| *item == "b"), ["b"]);
        assert_eq!(queue.iter().count(), 3);
        assert_eq!(queue.drain(), ["a", "c", "d"]);
    }
}
