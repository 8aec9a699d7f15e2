//! From a broker URL to its driver.

use serde_json::{Map, Value};

use crate::{Error, Result, Transport, valkey::Valkey};

/// What else a driver is told besides the URL.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// `broker_transport_options`, as JSON values.
    pub transport_options: Map<String, Value>,
    /// The node name, `celery@host`: shown by the broker's tools (`CLIENT LIST`).
    pub client_name: String,
}

impl ConnectOptions {
    /// Options with `broker_transport_options` and the node name.
    pub fn new(transport_options: Map<String, Value>, client_name: impl Into<String>) -> Self {
        Self { transport_options, client_name: client_name.into() }
    }
}

/// The driver for `url`. Nothing is connected yet.
pub fn connect(url: &str, options: &ConnectOptions) -> Result<Box<dyn Transport>> {
    let scheme = url.split_once("://").map_or(url, |(scheme, _)| scheme);
    match scheme {
        // Those that the driver does not speak yet it refuses by name.
        "redis" | "valkey" | "rediss" | "valkeys" | "sentinel" | "redis+socket" | "socket" | "unix" => {
            Ok(Box::new(Valkey::new(url, options)?))
        }
        _ => Err(Error::Url {
            url: crate::valkey::hide_password(url),
            reason: format!("no driver for {scheme:?}; this worker speaks redis:// and valkey://"),
        }),
    }
}
