//! Which tasks are watched, and what is known of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::{Notify, watch::Receiver};

use crate::{Error, Watched, watch::Latest};

/// The watched tasks, by their keys, which are also their channels. Watchers change it, one task of ours
/// ([`watcher`](super::watcher)) carries the changes to the server.
#[derive(Debug, Default)]
pub(super) struct Watches {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    tasks: HashMap<Arc<str>, Task>,
    /// To be subscribed to, if still watched.
    fresh: Vec<Arc<str>>,
    /// To be unsubscribed from, if not watched again.
    gone: Vec<Arc<str>>,
    /// Nothing is subscribed to, or messages were lost.
    all: bool,
    /// The number of the last task.
    next: u64,
}

#[derive(Debug)]
struct Task {
    /// Tells it from an earlier one with the same key.
    number: u64,
    watched: Watched,
    watchers: usize,
    /// How many messages came.
    heard: u64,
}

/// What is to be done at the server.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Keys to subscribe to and to read, with the messages that had come before.
    pub(super) fresh: Vec<(Arc<str>, u64)>,
    /// Keys to unsubscribe from.
    pub(super) gone: Vec<Arc<str>>,
}

impl Watches {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One watcher of `key` more. Gives what is and will be known of it, and what [`leave`](Self::leave) wants.
    pub(super) fn enter(&self, key: &Arc<str>) -> (Receiver<Latest>, u64) {
        let mut state = self.lock();
        let State { tasks, fresh, next, .. } = &mut *state;
        let task = tasks.entry(Arc::clone(key)).or_insert_with(|| {
            fresh.push(Arc::clone(key));
            self.changed.notify_one();
            *next += 1;
            Task { number: *next, watched: Watched::new(), watchers: 0, heard: 0 }
        });
        task.watchers += 1;
        (task.watched.listen(), task.number)
    }

    /// One watcher less.
    pub(super) fn leave(&self, key: &Arc<str>, number: u64) {
        let mut state = self.lock();
        let Some(task) = state.tasks.get_mut(key).filter(|task| task.number == number) else { return };
        task.watchers -= 1;
        if task.watchers == 0 {
            state.tasks.remove(key);
            state.gone.push(Arc::clone(key));
            self.changed.notify_one();
        }
    }

    /// Waits until there may be something to do.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Everything that is watched is to be subscribed to and read again.
    pub(super) fn begin_again(&self) {
        self.lock().all = true;
    }

    /// Takes what is to be done; `None` if nothing is.
    pub(super) fn take(&self) -> Option<Round> {
        let mut state = self.lock();
        let State { tasks, fresh, gone, all, .. } = &mut *state;
        gone.retain(|key| !tasks.contains_key(key));
        let mut round = Round { gone: std::mem::take(gone), fresh: Vec::new() };
        let fresh = std::mem::take(fresh);
        if std::mem::take(all) {
            round.fresh.extend(tasks.iter().map(|(key, task)| (Arc::clone(key), task.heard)));
        } else {
            let heard = |key: Arc<str>| tasks.get(&key).map(|task| task.heard).map(|heard| (key, heard));
            round.fresh.extend(fresh.into_iter().filter_map(heard));
        }
        (!round.fresh.is_empty() || !round.gone.is_empty()).then_some(round)
    }

    /// A message came.
    pub(super) fn heard(&self, key: &str, meta: Bytes) {
        if let Some(task) = self.lock().tasks.get_mut(key) {
            task.heard += 1;
            task.watched.tell(meta);
        }
    }

    /// A value was read. Where a message came since the round was taken, that or one that follows it is as new.
    pub(super) fn read(&self, key: &str, heard: u64, meta: Bytes) {
        if let Some(task) = self.lock().tasks.get_mut(key).filter(|task| task.heard == heard) {
            task.watched.tell(meta);
        }
    }

    /// These cannot be watched. Who watches them again tries anew.
    pub(super) fn fail(&self, keys: &[(Arc<str>, u64)], error: &Error) {
        let mut state = self.lock();
        for (key, _) in keys {
            if let Some(task) = state.tasks.remove(key) {
                task.watched.fail(error.clone());
                state.gone.push(Arc::clone(key));
            }
        }
    }

    /// The result is no longer stored: who begins to watch now gets what is stored next.
    pub(super) fn forget(&self, key: &str) {
        if let Some(task) = self.lock().tasks.get(key) {
            task.watched.forget();
        }
    }
}
