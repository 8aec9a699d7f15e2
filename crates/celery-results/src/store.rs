//! The trait that every driver implements.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Result;

/// A place for results.
#[async_trait]
pub trait ResultStore: Send + Sync + std::fmt::Debug {
    /// The URL as shown to people: the password hidden.
    fn as_uri(&self) -> String;

    /// Whether it has to know who sent the tasks: [`StoreResult::reply`].
    fn answers(&self) -> bool {
        false
    }

    /// Stores a batch in one round trip, in the order given, and wakes whoever waits for one of them.
    /// A stored SUCCESS is never overwritten (`celery/backends/base.py: KeyValueStoreBackend._store_result`).
    /// Idempotent: a batch whose fate is unknown may be given again.
    async fn store(&self, batch: &[StoreResult]) -> Result<()>;
}

/// One result to store.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoreResult {
    /// The id of the task.
    pub task_id: String,
    /// The encoded result meta: see `celery_protocol::ResultMeta`.
    pub meta: Bytes,
    /// How long it is kept; `None` for ever (`result_expires`).
    pub expires: Option<Duration>,
    /// Store it only while the task has not begun: while nothing is stored, or PENDING, RECEIVED, RETRY or REJECTED
    /// (`celery/worker/control.py: _revoke`).
    pub unless_begun: bool,
    /// Who sent the task, where the store [answers](ResultStore::answers); without it there is nobody to be told.
    pub reply: Option<ReplyAddress>,
}

/// Where the result of one task is waited for (`celery/backends/rpc.py: RPCBackend.destination_for`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyAddress {
    /// The queue: the message's `reply_to`.
    pub queue: String,
    /// What the message says to be the `correlation_id`; the id of the task if it says none.
    pub correlation_id: String,
}

impl ReplyAddress {
    /// That of a task with these properties; `None` when nobody waits.
    pub fn of(task_id: &str, reply_to: Option<&str>, correlation_id: Option<&str>) -> Option<Self> {
        let queue = reply_to.filter(|queue| !queue.is_empty())?;
        let correlation_id = correlation_id.filter(|id| !id.is_empty()).unwrap_or(task_id);
        Some(Self { queue: queue.to_owned(), correlation_id: correlation_id.to_owned() })
    }
}

impl StoreResult {
    /// `meta` of `task_id`, kept for `expires`.
    pub fn new(task_id: impl Into<String>, meta: Bytes, expires: Option<Duration>) -> Self {
        Self { task_id: task_id.into(), meta, expires, unless_begun: false, reply: None }
    }

    /// Says who sent the task.
    #[must_use]
    pub fn answering(mut self, reply: Option<ReplyAddress>) -> Self {
        self.reply = reply;
        self
    }

    /// Stores it only while the task has not begun.
    #[must_use]
    pub fn unless_begun(mut self) -> Self {
        self.unless_begun = true;
        self
    }
}
