//! From a broker URL to its driver.

use serde_json::{Map, Value};

use crate::{
    Error, PriorityOrder, Result, Several, Transport,
    amqp::{self, Amqp},
    memory::{self, Memory},
    valkey::{self, Valkey},
};

/// What else a driver is told besides the URL.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// `broker_transport_options`, as JSON values.
    pub transport_options: Map<String, Value>,
    /// The node name, `celery@host`: shown by the broker's tools (`CLIENT LIST`).
    pub client_name: String,
    /// `broker_use_ssl`, as a JSON value: `true`, or a dictionary with the keys of redis-py (`ssl_cert_reqs`, `ssl_ca_certs`,
    /// …) or for RabbitMQ those of py-amqp (`cert_reqs`, `ca_certs`, …), whose constants of Python's `ssl` module are numbers.
    pub use_ssl: Option<Value>,
    /// `broker_failover_strategy`: `round-robin` or `shuffle`. It chooses among several URLs with semicolons between them.
    pub failover_strategy: Option<String>,
    /// `worker_priority_order`: which lists are served first.
    pub priority_order: PriorityOrder,
    /// `broker_login_method`: `PLAIN`, `AMQPLAIN` or `EXTERNAL`. Of RabbitMQ, as the next two.
    pub login_method: Option<String>,
    /// `broker_heartbeat` in seconds.
    pub heartbeat: Option<Value>,
    /// `broker_connection_timeout` in seconds.
    pub connection_timeout: Option<Value>,
}

impl ConnectOptions {
    /// Options with `broker_transport_options` and the node name.
    pub fn new(transport_options: Map<String, Value>, client_name: impl Into<String>) -> Self {
        Self { transport_options, client_name: client_name.into(), ..Self::default() }
    }

    /// Asks for TLS as `broker_use_ssl` does.
    #[must_use]
    pub fn with_use_ssl(mut self, use_ssl: Option<Value>) -> Self {
        self.use_ssl = use_ssl;
        self
    }

    /// Chooses among several brokers as `broker_failover_strategy` does.
    #[must_use]
    pub fn with_failover_strategy(mut self, strategy: Option<String>) -> Self {
        self.failover_strategy = strategy;
        self
    }

    /// Logs in to RabbitMQ as `broker_login_method` says.
    #[must_use]
    pub fn with_login_method(mut self, method: Option<String>) -> Self {
        self.login_method = method;
        self
    }

    /// Proposes to RabbitMQ the interval that `broker_heartbeat` says: seconds, 0 for the broker's own.
    #[must_use]
    pub fn with_heartbeat(mut self, seconds: Option<Value>) -> Self {
        self.heartbeat = seconds;
        self
    }

    /// Waits for RabbitMQ to answer as long as `broker_connection_timeout` says: seconds.
    #[must_use]
    pub fn with_connection_timeout(mut self, seconds: Option<Value>) -> Self {
        self.connection_timeout = seconds;
        self
    }

    /// Has lists served in another order.
    #[must_use]
    pub fn with_priority_order(mut self, order: PriorityOrder) -> Self {
        self.priority_order = order;
        self
    }
}

/// The driver for all of `urls` at a time, the first being where tasks publish; each may be several that stand in for each
/// other, as in [`connect()`].
///
/// # Errors
///
/// As [`connect()`], and [`Error::Url`] when there is none.
pub fn connect_all(urls: &[impl AsRef<str>], options: &ConnectOptions) -> Result<Box<dyn Transport>> {
    let mut transports = urls.iter().map(|url| connect(url.as_ref(), options)).collect::<Result<Vec<_>>>()?;
    match transports.len() {
        0 => Err(Error::Url { url: String::new(), reason: "no broker is given".to_owned() }),
        1 => Ok(transports.remove(0)),
        _ => {
            let first = transports.remove(0);
            Ok(Box::new(Several::new(first, transports)))
        }
    }
}

/// The driver for `url`, or for several URLs with semicolons between them. Nothing is connected yet.
pub fn connect(url: &str, options: &ConnectOptions) -> Result<Box<dyn Transport>> {
    if valkey::is_ours(url) {
        // What the driver does not speak it refuses by name.
        return Ok(Box::new(Valkey::new(url, options)?));
    }
    if amqp::is_ours(url) {
        return Ok(Box::new(Amqp::new(url, options)?));
    }
    if memory::is_ours(url) {
        return Ok(Box::new(Memory::at(url, options)?));
    }
    let scheme = url.split_once("://").map_or(url, |(scheme, _)| scheme);
    Err(Error::Url {
        url: valkey::hide_password(url),
        reason: format!(
            "no driver for {scheme:?}; this worker speaks {} and {}",
            valkey::SCHEMES,
            amqp::SCHEMES
        ),
    })
}
