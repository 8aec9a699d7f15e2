//! What this worker has been handed and has not settled.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Delivery tags in the order in which they were handed over.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<Tags>);

#[derive(Debug, Default)]
struct Tags {
    next: u64,
    orders: HashMap<Arc<str>, u64>,
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, Tags> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes tags that are handed over now.
    pub(super) fn insert<'a>(&self, tags: impl IntoIterator<Item = &'a Arc<str>>) {
        let mut held = self.lock();
        for tag in tags {
            let order = held.next;
            held.next += 1;
            held.orders.insert(Arc::clone(tag), order);
        }
    }

    /// Forgets settled tags.
    pub(super) fn remove<'a>(&self, tags: impl IntoIterator<Item = &'a str>) {
        let mut held = self.lock();
        for tag in tags {
            held.orders.remove(tag);
        }
    }

    /// Forgets all tags.
    pub(super) fn clear(&self) {
        self.lock().orders.clear();
    }

    /// How many tags there are.
    pub(super) fn len(&self) -> usize {
        self.lock().orders.len()
    }

    /// All tags, oldest first.
    pub(super) fn oldest_first(&self) -> Vec<Arc<str>> {
        let mut tags: Vec<_> =
            self.lock().orders.iter().map(|(tag, order)| (*order, Arc::clone(tag))).collect();
        tags.sort_unstable();
        tags.into_iter().map(|(_, tag)| tag).collect()
    }
}
