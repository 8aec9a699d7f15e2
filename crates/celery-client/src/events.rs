//! Events of workers and clients.

use std::borrow::Cow;

use bytes::Bytes;
use celery_protocol::event::{EVENT_EXCHANGE, Event, decode_all};
use celery_transport::Subscription;

use crate::{Client, Result};

/// Listens to events. From [`Client::events`].
pub struct Events(Box<dyn Subscription>);

/// Events that came in one message.
#[derive(Debug, Clone)]
pub struct EventBatch(Bytes);

impl Client {
    /// Listens to events, from now on. `patterns` are routing keys: `task.*`, `worker.heartbeat`; `#` stands for all.
    ///
    /// Workers send events of tasks when they were started with `-E`, or told to by `enable_events`
    /// ([`Client::broadcast`]).
    ///
    /// # Errors
    ///
    /// [`Error::Broker`](crate::Error::Broker).
    pub async fn events(&self, patterns: &[&str]) -> Result<Events> {
        Ok(Events(self.inner().transport.subscribe(EVENT_EXCHANGE, patterns).await?))
    }
}

impl Events {
    /// The next events. Waits as long as it takes. Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`Error::Broker`](crate::Error::Broker) once when the connection is lost: call it again, it comes back by itself.
    /// [`Error::Protocol`](crate::Error::Protocol) for a message that is none.
    pub async fn next(&mut self) -> Result<EventBatch> {
        match self.0.next().await?.message {
            Ok(message) => {
                let json = match message.json_body()? {
                    // Nothing is copied.
                    Cow::Borrowed(_) => None,
                    Cow::Owned(json) => Some(json),
                };
                Ok(EventBatch(json.map_or(message.body, Bytes::from)))
            }
            Err(undecodable) => Err(undecodable.error.into()),
        }
    }
}

impl EventBatch {
    /// The events, in their order.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`](crate::Error::Protocol) for what is no event.
    pub fn events(&self) -> Result<Vec<Event<'_>>> {
        Ok(decode_all(&self.0)?)
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
