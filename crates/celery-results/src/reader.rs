//! The trait for whoever awaits tasks.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{ChordStore, Result, ResultStore, Watch};

/// Reads what a [`ResultStore`] keeps, and keeps what a client needs of groups and chords.
///
/// Metas and groups are bytes as they were written: decoding, and undoing `result_compression` (Celery 5.7), is the
/// caller's.
#[async_trait]
pub trait ResultReader: Send + Sync + std::fmt::Debug {
    /// The stored metas of tasks, in the order of the ids; `None` where nothing is stored. One round trip.
    async fn get(&self, task_ids: &[&str]) -> Result<Vec<Option<Bytes>>>;

    /// Watches a task: gives what is stored now, if anything, and then whatever is stored, without asking for it again.
    ///
    /// Cheap: many thousands of watches share one connection, and are begun and ended in batches. Errors of the first
    /// watch say that the store cannot be reached; later ones come from [`Watch::next`].
    async fn watch(&self, task_id: &str) -> Result<Watch>;

    /// Forgets the results of tasks (`AsyncResult.forget`).
    async fn forget(&self, task_ids: &[&str]) -> Result<()>;

    /// Keeps an encoded group result for `expires` (`result_expires`; `None` for ever).
    async fn save_group(&self, group_id: &str, group: Bytes, expires: Option<Duration>) -> Result<()>;

    /// The encoded group result; `None` if there is none.
    async fn get_group(&self, group_id: &str) -> Result<Option<Bytes>>;

    /// Forgets a group result, not those of its tasks.
    async fn forget_group(&self, group_id: &str) -> Result<()>;

    /// Begins a run of a chord with `size` parts: whoever stores the last part sends the callback. To be called before
    /// the header is sent.
    ///
    /// It is kept for `expires`: `result_chord_expires` where that is set, else `result_expires`; `None` for ever.
    async fn set_chord_size(&self, group_id: &str, size: u64, expires: Option<Duration>) -> Result<()>;
}

/// All sides of a place for results, on the connections of one value.
pub trait ResultBackend: ResultStore + ResultReader + ChordStore {}

impl<B: ResultStore + ResultReader + ChordStore> ResultBackend for B {}
