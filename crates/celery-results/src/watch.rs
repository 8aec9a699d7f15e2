//! Waiting for the result of one task.

use std::{any::Any, fmt, sync::Arc};

use bytes::Bytes;
use tokio::sync::watch::{Receiver, Sender};

use crate::{Error, Result};

/// What is known of a watched task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Latest {
    /// Nothing was stored yet.
    #[default]
    Nothing,
    /// The meta that was stored last.
    Meta(Bytes),
    /// The task cannot be watched.
    Failed(Error),
}

/// A task that is watched: what tells its [`Watch`]es. For result backends.
#[derive(Debug, Default)]
pub struct Watched(Sender<Latest>);

impl Watched {
    /// A task of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// One watch more, at a backend of that URL: it first gives what was told last. `owner` is dropped with it.
    pub fn watch(&self, url: impl Into<Arc<str>>, owner: impl Any + Send + Sync) -> Watch {
        Watch::new(self.listen(), url.into(), owner)
    }

    pub(crate) fn listen(&self) -> Receiver<Latest> {
        let mut latest = self.0.subscribe();
        if *latest.borrow() != Latest::Nothing {
            latest.mark_changed();
        }
        latest
    }

    /// This meta was stored. The same once more is no news.
    pub fn tell(&self, meta: Bytes) {
        self.set(Latest::Meta(meta));
    }

    /// The task cannot be watched.
    pub fn fail(&self, error: Error) {
        self.set(Latest::Failed(error));
    }

    fn set(&self, news: Latest) {
        self.0.send_if_modified(|latest| {
            let differs = *latest != news;
            *latest = news;
            differs
        });
    }

    /// The result is no longer stored: who begins to watch now gets what is stored next.
    pub fn forget(&self) {
        self.0.send_if_modified(|latest| {
            *latest = Latest::Nothing;
            false
        });
    }
}

/// The metas of one task, from [`ResultReader::watch`](crate::ResultReader::watch). The watch ends when it is dropped.
pub struct Watch {
    latest: Receiver<Latest>,
    url: Arc<str>,
    /// Ends the watch.
    _owner: Box<dyn Any + Send + Sync>,
}

impl Watch {
    /// A watch that lasts as long as `owner`. A value of `latest` that is not marked as seen comes first.
    pub(crate) fn new(latest: Receiver<Latest>, url: Arc<str>, owner: impl Any + Send + Sync) -> Self {
        Self { latest, url, _owner: Box::new(owner) }
    }

    /// The next meta: first what is stored already, then each that is stored. Waits as long as it takes, across
    /// reconnections too.
    ///
    /// Who asks late gets the newest alone: metas in between are left out, the last never is. The same bytes do not come
    /// twice in a row. Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when the store does not let us watch; it is the answer to every later call too.
    pub async fn next(&mut self) -> Result<Bytes> {
        loop {
            if let Latest::Failed(error) = &*self.latest.borrow() {
                return Err(error.clone());
            }
            if self.latest.changed().await.is_err() {
                let reason = "nobody tells of results any more".to_owned();
                return Err(Error::Lost { url: self.url.to_string(), reason });
            }
            if let Latest::Meta(meta) = &*self.latest.borrow_and_update() {
                return Ok(meta.clone());
            }
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("latest", &*self.latest.borrow()).finish_non_exhaustive()
    }
}
