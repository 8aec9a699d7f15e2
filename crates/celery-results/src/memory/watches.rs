//! Which tasks are watched.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;

use super::driver::Backend;
use crate::{Watch, Watched};

/// The watched tasks, with how many watch each.
#[derive(Debug, Default)]
pub(super) struct Watches(HashMap<Arc<str>, (Watched, usize)>);

impl Watches {
    /// A result was stored.
    pub(super) fn tell(&self, id: &str, meta: &Bytes) {
        if let Some((watched, _)) = self.0.get(id) {
            watched.tell(meta.clone());
        }
    }

    /// A result is no longer stored.
    pub(super) fn forget(&self, id: &str) {
        if let Some((watched, _)) = self.0.get(id) {
            watched.forget();
        }
    }
}

/// One watch of a task. It ends when it is dropped.
struct Watching {
    backend: Arc<Backend>,
    id: Arc<str>,
}

/// Watches the task `id`.
pub(super) fn watch(backend: &Arc<Backend>, id: &str) -> Watch {
    let state = &mut *backend.state();
    let id: Arc<str> = id.into();
    let (watched, watchers) = state.watches.0.entry(Arc::clone(&id)).or_insert_with(|| {
        let watched = Watched::new();
        if let Some(meta) = state.results.get(&id) {
            watched.tell(meta.clone());
        }
        (watched, 0)
    });
    *watchers += 1;
    watched.watch(&*backend.url, Watching { backend: Arc::clone(backend), id })
}

impl Drop for Watching {
    fn drop(&mut self) {
        let watches = &mut self.backend.state().watches.0;
        if let Some((_, watchers)) = watches.get_mut(&self.id) {
            *watchers -= 1;
            if *watchers == 0 {
                watches.remove(&self.id);
            }
        }
    }
}
