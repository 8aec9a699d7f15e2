//! The driver itself, and the side of those who store.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use async_trait::async_trait;
use celery_protocol::{Message, Properties};
use celery_transport::{Publication, Publisher, Transport, Unroutable};
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use super::inbox::Inbox;
use crate::{Error, ReplyAddress, Result, ResultStore, StoreResult};

/// What a URL of it is. There is nothing more to say: the broker is the place.
const URL: &str = "rpc://";

/// Whether this driver is meant.
pub fn is_ours(url: &str) -> bool {
    url.starts_with("rpc:")
}

/// Results by messages, through the broker.
pub struct Rpc {
    transport: Arc<dyn Transport>,
    publisher: OnceCell<Arc<dyn Publisher>>,
    pub(super) inbox: Option<Inbox>,
    persistent: bool,
}

impl Rpc {
    /// For a worker: results go to whoever sent the tasks. Nothing is connected before the first of them.
    pub fn answering(transport: Arc<dyn Transport>) -> Self {
        Self { transport, publisher: OnceCell::new(), inbox: None, persistent: false }
    }

    /// For a client: declares the queue `name`, which its tasks are to have as their `reply_to`, and takes what comes there.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`] at once when the broker is not there, and [`Error::Refused`].
    pub async fn listening(transport: Arc<dyn Transport>, name: &str) -> Result<Self> {
        let inbox = Inbox::open(&transport, name).await?;
        Ok(Self { inbox: Some(inbox), ..Self::answering(transport) })
    }

    /// Has results outlive the broker, if their queues do (`result_persistent`).
    #[must_use]
    pub fn persistent(mut self, persistent: bool) -> Self {
        self.persistent = persistent;
        self
    }

    fn publication(&self, result: &StoreResult, reply: &ReplyAddress) -> Publication {
        let properties = Properties {
            correlation_id: Some(reply.correlation_id.clone()),
            delivery_mode: Some(if self.persistent { 2 } else { 1 }),
            priority: Some(0),
            ..Properties::default()
        };
        let meta = result.meta.clone();
        let message = Message::new(NO_HEADERS.clone(), properties, meta, "application/json", "utf-8");
        // Whoever asked may be gone, and the queue with it.
        Publication::new("", &*reply.queue, message).when_unroutable(Unroutable::Forget)
    }
}

/// Of one message after another: nothing is in them.
static NO_HEADERS: LazyLock<Box<RawValue>> =
    LazyLock::new(|| RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned()));

impl fmt::Debug for Rpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rpc").field("broker", &self.transport.as_uri()).finish_non_exhaustive()
    }
}

#[async_trait]
impl ResultStore for Rpc {
    fn as_uri(&self) -> String {
        URL.to_owned()
    }

    fn answers(&self) -> bool {
        true
    }

    /// A batch whose fate is unknown may be given again: the reader takes the same result twice for one.
    async fn store(&self, batch: &[StoreResult]) -> Result<()> {
        let addressed = batch.iter().filter_map(|result| Some((result, result.reply.as_ref()?)));
        let messages: Vec<_> = addressed.map(|(result, reply)| self.publication(result, reply)).collect();
        if messages.is_empty() {
            return Ok(());
        }
        let publisher = self.publisher.get_or_try_init(|| self.transport.publisher()).await?;
        let mut refused = Ok(());
        for answer in publisher.publish(&messages).await {
            match answer {
                Ok(()) => {}
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => refused = Err(Error::from(error)),
            }
        }
        refused
    }
}
