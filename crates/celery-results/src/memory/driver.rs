//! The driver itself.
//!
//! Protocol: everything is under one lock, which is held for a batch and never across an await. Who begins to watch is told
//! under it of what is stored, and who stores tells under it those who watch: nothing comes unseen in between.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use celery_protocol::{State as TaskState, StoredMeta};

use super::{SCHEMES, chords::Chord, kept::Kept, watches::Watches};
use crate::{ConnectOptions, Error, Result, ResultBackend, ResultStore, StoreResult};

/// The backends that have a name. They last as long as the process.
static NAMED: LazyLock<Mutex<HashMap<String, Arc<Backend>>>> = LazyLock::new(Mutex::default);

/// A result backend within the process. Clones share it.
#[derive(Debug, Clone)]
pub struct Memory {
    pub(super) backend: Arc<Backend>,
}

#[derive(Debug)]
pub(super) struct Backend {
    /// `memory://name`.
    pub(super) url: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The encoded metas, by the ids of their tasks.
    pub(super) results: Kept<Bytes>,
    pub(super) groups: Kept<Bytes>,
    pub(super) chords: Kept<Chord>,
    pub(super) watches: Watches,
}

impl Backend {
    fn new(url: String) -> Self {
        Self { url, state: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// A backend of one's own: it ends with its last clone.
    pub fn new() -> Self {
        Self { backend: Arc::new(Backend::new(SCHEMES.to_owned())) }
    }

    /// The backend of that name, the same wherever the process asks for it.
    pub fn named(name: &str) -> Self {
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        let backend = named
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Backend::new(format!("{SCHEMES}{name}"))));
        Self { backend: Arc::clone(backend) }
    }

    /// The backend of `memory://name`. Options do nothing here.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] for one with more in it than a name.
    pub fn at(url: &str, options: &ConnectOptions) -> Result<Self> {
        let name = url.strip_prefix(SCHEMES).unwrap_or(url).trim_end_matches('/');
        if name.contains([';', '/', '?', '@']) {
            let reason = "a backend in memory has a name and nothing else: memory://name".to_owned();
            return Err(Error::Url { url: crate::valkey::hide_password(url), reason });
        }
        for option in options.transport_options.keys() {
            tracing::warn!("result_backend_transport_options[{option:?}] is not used with {SCHEMES}.");
        }
        Ok(Self::named(name))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Memory> for Arc<dyn ResultBackend> {
    fn from(memory: Memory) -> Self {
        Arc::new(memory)
    }
}

#[async_trait]
impl ResultStore for Memory {
    fn as_uri(&self) -> String {
        self.backend.url.clone()
    }

    async fn store(&self, batch: &[StoreResult]) -> Result<()> {
        let state = &mut *self.backend.state();
        for result in batch {
            let stored = state.results.get(&result.task_id);
            if stored.is_none_or(|meta| may_replace(meta, result.unless_begun)) {
                state.results.set(&result.task_id, result.meta.clone(), result.expires);
                state.watches.tell(&result.task_id, &result.meta);
            }
        }
        Ok(())
    }
}

/// Whether a stored meta gives way to another one. One that cannot be read does.
fn may_replace(meta: &[u8], unless_begun: bool) -> bool {
    let Ok(StoredMeta { status, .. }) = StoredMeta::decode(meta) else { return true };
    match status {
        TaskState::Success => false,
        TaskState::Pending | TaskState::Received | TaskState::Retry | TaskState::Rejected => true,
        _ => !unless_begun,
    }
}
