//! From a result backend URL to its driver.

use std::sync::Arc;

use celery_transport::Transport;
use serde_json::{Map, Value};

use crate::{
    Error, Result, ResultBackend, ResultStore,
    memory::{self, Memory},
    rpc::{self, Rpc},
    valkey::{self, Valkey},
};

/// What else a driver is told besides the URL.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// `result_backend_transport_options`, as JSON values.
    pub transport_options: Map<String, Value>,
    /// The node name, `celery@host`: shown by the store's tools (`CLIENT LIST`).
    pub client_name: String,
    /// `redis_backend_use_ssl`, as a JSON value: a dictionary with the keys of redis-py (`ssl_cert_reqs`, `ssl_ca_certs`,
    /// …), whose constants of Python's `ssl` module are numbers, or `true`.
    pub use_ssl: Option<Value>,
    /// `result_persistent`: results by messages outlive the broker.
    pub persistent: bool,
}

impl ConnectOptions {
    /// Options with `result_backend_transport_options` and the node name.
    pub fn new(transport_options: Map<String, Value>, client_name: impl Into<String>) -> Self {
        Self { transport_options, client_name: client_name.into(), ..Self::default() }
    }

    /// Has results by messages outlive the broker as `result_persistent` does.
    #[must_use]
    pub fn with_persistent(mut self, persistent: bool) -> Self {
        self.persistent = persistent;
        self
    }

    /// Asks for TLS as `redis_backend_use_ssl` does.
    #[must_use]
    pub fn with_use_ssl(mut self, use_ssl: Option<Value>) -> Self {
        self.use_ssl = use_ssl;
        self
    }
}

/// The driver for `url`, connected, for storing.
pub async fn connect(url: &str, options: &ConnectOptions) -> Result<Box<dyn ResultStore>> {
    let backend: Box<dyn ResultBackend> = open(url, options).await?;
    Ok(backend)
}

/// The driver for `url`, connected, for storing and reading: a clone of it is an `Arc<dyn ResultStore>` or an
/// `Arc<dyn ResultReader>` on the same connections.
pub async fn connect_backend(url: &str, options: &ConnectOptions) -> Result<Arc<dyn ResultBackend>> {
    Ok(Arc::from(open(url, options).await?))
}

/// As [`connect_backend`], for a worker: with `rpc://` results go through `broker`, and nothing is connected yet.
pub async fn connect_through(
    url: &str,
    options: &ConnectOptions,
    broker: &Arc<dyn Transport>,
) -> Result<Arc<dyn ResultBackend>> {
    if rpc::is_ours(url) {
        return Ok(Arc::new(Rpc::answering(Arc::clone(broker)).persistent(options.persistent)));
    }
    connect_backend(url, options).await
}

async fn open(url: &str, options: &ConnectOptions) -> Result<Box<dyn ResultBackend>> {
    if valkey::is_ours(url) {
        // What the driver does not speak it refuses by name.
        return Ok(Box::new(Valkey::connect(url, options).await?));
    }
    if memory::is_ours(url) {
        return Ok(Box::new(Memory::at(url, options)?));
    }
    if rpc::is_ours(url) {
        let reason = "results come through the broker: only whoever sent the task can read them".to_owned();
        return Err(Error::Url { url: url.to_owned(), reason });
    }
    let scheme = url.split_once("://").map_or(url, |(scheme, _)| scheme);
    Err(Error::Url {
        url: valkey::hide_password(url),
        reason: format!("no driver for {scheme:?}; this worker speaks {}", valkey::SCHEMES),
    })
}
