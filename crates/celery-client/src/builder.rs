//! Making a client.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use celery_protocol::{canvas::Encoding, serializer::Serializer};
use celery_results::{ResultBackend, ResultStore, connect_backend, rpc, rpc::Rpc};
use celery_transport::{ConnectOptions, Queue, Transport, amqp};
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
    options: ConnectOptions,
    result_use_ssl: Option<Value>,
    result_options: Map<String, Value>,
    name: String,
    queue: String,
    declared: Vec<Queue>,
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
        // Of several brokers the first keeps the results, unless it is said who does. Sentinels are one server. RabbitMQ
        // keeps none: they come as messages.
        let first = broker.split(';').next().filter(|_| !broker.starts_with("sentinel"));
        let results = if amqp::is_ours(&broker) { "rpc://" } else { first.unwrap_or(&broker) };
        let results = Results::Url(results.to_owned());
        Self::new(Broker::Url(broker), results)
    }

    pub(crate) fn over(transport: Arc<dyn Transport>) -> Self {
        Self::new(Broker::Given(transport), Results::None)
    }

    fn new(broker: Broker, results: Results) -> Self {
        Self {
            broker,
            results,
            options: ConnectOptions::default(),
            result_use_ssl: None,
            result_options: Map::new(),
            name: format!("gen{}@rust", std::process::id()),
            queue: "celery".to_owned(),
            declared: Vec::new(),
            serializer: Serializer::Json,
            compression: None,
            result_expires: Some(Duration::from_secs(86_400)),
            retry: RetryPolicy::default(),
            now: Arc::new(SystemTime::now),
        }
    }

    /// The URL of the result backend (`result_backend`), when it is not that of the broker. With `rpc://`, which is what
    /// RabbitMQ has unless another is named, results come as messages: of the tasks that this client itself sent, and
    /// there are no chords. The workers have to have the same setting.
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
        self.options.transport_options = options;
        self
    }

    /// All that is said of the broker besides its URL, at once. Only the name is [`name`](Self::name)'s.
    pub fn connect_options(mut self, options: ConnectOptions) -> Self {
        self.options = options;
        self
    }

    /// The options of the result backend (`result_backend_transport_options`).
    pub fn result_options(mut self, options: Map<String, Value>) -> Self {
        self.result_options = options;
        self
    }

    /// TLS for the broker (`broker_use_ssl`), and for a result backend of the same kind: `true`, or an object of
    /// `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, `ssl_cert_reqs`; for RabbitMQ of `ca_certs`, `certfile`, `keyfile`,
    /// `cert_reqs`, `server_hostname`.
    pub fn use_ssl(mut self, settings: Value) -> Self {
        self.options.use_ssl = Some(settings);
        self
    }

    /// TLS for the result backend (`redis_backend_use_ssl`), when it is another than that of the broker.
    pub fn result_use_ssl(mut self, settings: Value) -> Self {
        self.result_use_ssl = Some(settings);
        self
    }

    /// How to log in to RabbitMQ (`broker_login_method`): `PLAIN`, `AMQPLAIN`, or `EXTERNAL`, with which the certificate
    /// says who comes.
    pub fn login_method(mut self, method: impl Into<String>) -> Self {
        self.options.login_method = Some(method.into());
        self
    }

    /// Which of several brokers comes next (`broker_failover_strategy`): `round-robin`, `shuffle`.
    pub fn failover_strategy(mut self, strategy: impl Into<String>) -> Self {
        self.options.failover_strategy = Some(strategy.into());
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

    /// Declares `queue` when it connects, as the app's `task_queues` do: on RabbitMQ whoever is first says which priorities it
    /// knows and whether it is a quorum queue. A queue that is not there when a task is sent to it is declared as Celery
    /// does for a bare name.
    pub fn declare(mut self, queue: Queue) -> Self {
        self.declared.push(queue);
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
    pub async fn connect(mut self) -> Result<Client> {
        self.options.client_name.clone_from(&self.name);
        let transport = match &self.broker {
            Broker::Given(transport) => Arc::clone(transport),
            Broker::Url(url) => Arc::from(celery_transport::connect(url, &self.options)?),
        };
        let publisher = transport.publisher().await?;
        if !self.declared.is_empty() {
            publisher.declare(&self.declared).await?;
        }
        let reply_to = Uuid::new_v4().to_string();
        let results = self.connect_results(&transport, &reply_to).await?;
        let mut encoding = Encoding::json(self.name, reply_to);
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

    async fn connect_results(
        &self,
        transport: &Arc<dyn Transport>,
        reply_to: &str,
    ) -> Result<Option<Arc<dyn ResultBackend>>> {
        let url = match &self.results {
            Results::Given(backend) => return Ok(Some(Arc::clone(backend))),
            Results::Url(url) => url,
            Results::None => return Ok(None),
        };
        let is_amqp = matches!(&self.broker, Broker::Url(broker) if amqp::is_ours(broker));
        if rpc::is_ours(url) {
            if !is_amqp {
                let reason = "results come as messages from RabbitMQ only; name a Redis for them".to_owned();
                return Err(celery_results::Error::Url { url: url.clone(), reason }.into());
            }
            return Ok(Some(Arc::new(Rpc::listening(Arc::clone(transport), reply_to).await?)));
        }
        let use_ssl =
            self.result_use_ssl.clone().or_else(|| self.options.use_ssl.clone().filter(|_| !is_amqp));
        let options = celery_results::ConnectOptions::new(self.result_options.clone(), &*self.name)
            .with_use_ssl(use_ssl);
        Ok(Some(connect_backend(url, &options).await?))
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
