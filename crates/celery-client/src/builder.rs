//! Making a client.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use celery_protocol::{canvas::Encoding, serializer::Serializer};
use celery_results::{ResultBackend, ResultStore, connect_backend};
use celery_transport::{ConnectOptions, Transport};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Client, Result,
    client::Inner,
    publish::{Pump, RetryPolicy},
};

/// Where messages go.
#[derive(Clone)]
enum Broker {
    Url(String),
    Given(Arc<dyn Transport>),
}

/// Where results are kept.
#[derive(Clone)]
enum Results {
    Url(String),
    Given(Arc<dyn ResultBackend>),
    None,
}

/// Says how a [`Client`] is to be. From [`Client::builder`] and [`Client::over`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `connect`"]
pub struct Builder {
    broker: Broker,
    results: Results,
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
    now: Now,
}

/// Tells the time.
pub(crate) type Now = Arc<dyn Fn() -> SystemTime + Send + Sync>;

impl Builder {
    pub(crate) fn at(broker: impl Into<String>) -> Self {
        let broker = broker.into();
        // Of several brokers the first keeps the results, unless it is said who does. Sentinels are one server.
        let first = broker.split(';').next().filter(|_| !broker.starts_with("sentinel"));
        let results = Results::Url(first.unwrap_or(&broker).to_owned());
        Self::new(Broker::Url(broker), results)
    }

    pub(crate) fn over(transport: Arc<dyn Transport>) -> Self {
        Self::new(Broker::Given(transport), Results::None)
    }

    fn new(broker: Broker, results: Results) -> Self {
        Self {
            broker,
            results,
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
            now: Arc::new(SystemTime::now),
        }
    }

    /// The URL of the result backend (`result_backend`), when it is not that of the broker.
    pub fn results(mut self, url: impl Into<String>) -> Self {
        self.results = Results::Url(url.into());
        self
    }

    /// A result backend of any kind, instead of one by URL.
    pub fn result_backend(mut self, backend: impl Into<Arc<dyn ResultBackend>>) -> Self {
        self.results = Results::Given(backend.into());
        self
    }

    /// Connects to no result backend: tasks are sent and forgotten.
    pub fn without_results(mut self) -> Self {
        self.results = Results::None;
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

    /// What countdowns and expiries count from, instead of the system's clock: for tests.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.now = Arc::new(now);
        self
    }

    /// Connects to the broker and the result backend.
    ///
    /// # Errors
    ///
    /// [`Error::Broker`](crate::Error::Broker) and [`Error::Results`](crate::Error::Results) for a URL or an option that
    /// cannot be used, and at once when a server is not there.
    pub async fn connect(self) -> Result<Client> {
        let transport = match self.broker {
            Broker::Given(transport) => transport,
            Broker::Url(url) => {
                let options = ConnectOptions::new(self.broker_options, &*self.name)
                    .with_use_ssl(self.use_ssl.clone())
                    .with_failover_strategy(self.failover_strategy);
                Arc::from(celery_transport::connect(&url, &options)?)
            }
        };
        let publisher = transport.publisher().await?;
        let results = match self.results {
            Results::Given(backend) => Some(backend),
            Results::Url(url) => {
                let options = celery_results::ConnectOptions::new(self.result_options, &*self.name)
                    .with_use_ssl(self.use_ssl);
                Some(connect_backend(&url, &options).await?)
            }
            Results::None => None,
        };
        let mut encoding = Encoding::json(self.name, Uuid::new_v4().to_string());
        encoding.serializer = self.serializer;
        encoding.compression = self.compression;
        Ok(Client::of(Inner {
            transport,
            pump: Pump::start(publisher, self.retry),
            results,
            encoding,
            queue: self.queue,
            result_expires: self.result_expires,
            retry: self.retry,
            now: self.now,
        }))
    }
}

/// Without passwords.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use celery_transport::valkey::hide_password;
        let broker = match &self.broker {
            Broker::Url(url) => hide_password(url),
            Broker::Given(transport) => transport.as_uri(),
        };
        let results = match &self.results {
            Results::Url(url) => Some(hide_password(url)),
            Results::Given(backend) => Some(ResultStore::as_uri(&**backend)),
            Results::None => None,
        };
        f.debug_struct("Builder")
            .field("broker", &broker)
            .field("results", &results)
            .field("name", &self.name)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
