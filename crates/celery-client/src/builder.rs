//! Making a client.

use std::{sync::Arc, time::Duration};

use celery_protocol::{canvas::Encoding, serializer::Serializer};
use celery_results::connect_backend;
use celery_transport::ConnectOptions;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Client, Result,
    client::Inner,
    publish::{Pump, RetryPolicy},
};

/// Says how a [`Client`] is to be. From [`Client::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `connect`"]
pub struct Builder {
    broker: String,
    results: Option<String>,
    broker_options: Map<String, Value>,
    result_options: Map<String, Value>,
    name: String,
    queue: String,
    serializer: Serializer,
    compression: Option<String>,
    result_expires: Option<Duration>,
    retry: RetryPolicy,
}

impl Builder {
    pub(crate) fn new(broker: impl Into<String>) -> Self {
        let broker = broker.into();
        Self {
            results: Some(broker.clone()),
            broker,
            broker_options: Map::new(),
            result_options: Map::new(),
            name: format!("gen{}@rust", std::process::id()),
            queue: "celery".to_owned(),
            serializer: Serializer::Json,
            compression: None,
            result_expires: Some(Duration::from_secs(86_400)),
            retry: RetryPolicy::default(),
        }
    }

    /// The URL of the result backend (`result_backend`), when it is not that of the broker.
    pub fn results(mut self, url: impl Into<String>) -> Self {
        self.results = Some(url.into());
        self
    }

    /// Connects to no result backend: tasks are sent and forgotten.
    pub fn without_results(mut self) -> Self {
        self.results = None;
        self
    }

    /// The options of the broker (`broker_transport_options`): `global_keyprefix` and the like.
    pub fn broker_options(mut self, options: Map<String, Value>) -> Self {
        self.broker_options = options;
        self
    }

    /// The options of the result backend (`result_backend_transport_options`).
    pub fn result_options(mut self, options: Map<String, Value>) -> Self {
        self.result_options = options;
        self
    }

    /// Who sends, as messages and `CLIENT LIST` show it: `gen<pid>@<host>` in Celery.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The queue of calls that name none (`task_default_queue`): `celery`.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = queue.into();
        self
    }

    /// What writes the arguments (`task_serializer`): JSON.
    pub fn serializer(mut self, serializer: Serializer) -> Self {
        self.serializer = serializer;
        self
    }

    /// What compresses the arguments (`task_compression`): nothing.
    pub fn compression(mut self, method: impl Into<String>) -> Self {
        self.compression = Some(method.into());
        self
    }

    /// How long the result backend keeps what this client writes: the sizes of chords and the groups in them
    /// (`result_expires`). One day; `None` keeps it for ever.
    pub fn result_expires(mut self, expires: Option<Duration>) -> Self {
        self.result_expires = expires;
        self
    }

    /// How often, and how long apart, a message is sent again when the connection is lost
    /// (`task_publish_retry_policy`). A message whose answer was lost may arrive twice.
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Connects to the broker and the result backend.
    ///
    /// # Errors
    ///
    /// [`Error::Broker`](crate::Error::Broker) and [`Error::Results`](crate::Error::Results) for a URL or an option that
    /// cannot be used, and at once when a server is not there.
    pub async fn connect(self) -> Result<Client> {
        let options = ConnectOptions::new(self.broker_options, &*self.name);
        let transport = celery_transport::connect(&self.broker, &options)?;
        let publisher = transport.publisher().await?;
        let results = match &self.results {
            Some(url) => {
                let options = celery_results::ConnectOptions::new(self.result_options, &*self.name);
                Some(connect_backend(url, &options).await?)
            }
            None => None,
        };
        let mut encoding = Encoding::json(self.name, Uuid::new_v4().to_string());
        encoding.serializer = self.serializer;
        encoding.compression = self.compression;
        Ok(Client::of(Inner {
            transport: Arc::from(transport),
            pump: Pump::start(publisher, self.retry),
            results,
            encoding,
            queue: self.queue,
            result_expires: self.result_expires,
        }))
    }
}
