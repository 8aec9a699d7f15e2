//! Making a client.

use std::{fmt, sync::Arc, time::Duration};

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
#[derive(Clone)]
#[must_use = "a builder does nothing until `connect`"]
pub struct Builder {
    broker: String,
    results: Option<String>,
    use_ssl: Option<Value>,
    failover_strategy: Option<String>,
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
        // Of several brokers the first keeps the results, unless it is said who does. Sentinels are one server.
        let first = broker.split(';').next().filter(|_| !broker.starts_with("sentinel"));
        Self {
            results: Some(first.unwrap_or(&broker).to_owned()),
            broker,
            use_ssl: None,
            failover_strategy: None,
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

    /// TLS for the broker and the result backend (`broker_use_ssl`, `redis_backend_use_ssl`): `true`, or an object of
    /// `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, `ssl_cert_reqs`.
    pub fn use_ssl(mut self, settings: Value) -> Self {
        self.use_ssl = Some(settings);
        self
    }

    /// Which of several brokers comes next (`broker_failover_strategy`): `round-robin`, `shuffle`.
    pub fn failover_strategy(mut self, strategy: impl Into<String>) -> Self {
        self.failover_strategy = Some(strategy.into());
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
        let options = ConnectOptions::new(self.broker_options, &*self.name)
            .with_use_ssl(self.use_ssl.clone())
            .with_failover_strategy(self.failover_strategy);
        let transport = celery_transport::connect(&self.broker, &options)?;
        let publisher = transport.publisher().await?;
        let results = match &self.results {
            Some(url) => {
                let options = celery_results::ConnectOptions::new(self.result_options, &*self.name)
                    .with_use_ssl(self.use_ssl);
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
            retry: self.retry,
        }))
    }
}

/// Without passwords.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use celery_transport::valkey::hide_password;
        f.debug_struct("Builder")
            .field("broker", &hide_password(&self.broker))
            .field("results", &self.results.as_deref().map(hide_password))
            .field("name", &self.name)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
