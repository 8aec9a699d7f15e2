//! `broker_transport_options`.

use std::time::Duration;

use serde_json::Value;

use crate::{ConnectOptions, Error, Result};

/// What a user says besides the URL.
#[derive(Debug, Clone)]
pub(super) struct Options {
    /// How long connecting to one place may take.
    pub(super) connect_timeout: Duration,
    /// The node name.
    pub(super) client_name: String,
}

impl Options {
    /// Reads the options. kombu hands them to `amqp.Connection`, which takes and ignores whatever it does not know; those
    /// are warned of.
    ///
    /// Source: `kombu/transport/pyamqp.py: Transport.establish_connection`, `amqp/connection.py: Connection.__init__`.
    pub(super) fn parse(given: &ConnectOptions) -> Result<Self> {
        let mut options =
            Self { connect_timeout: Duration::from_secs(4), client_name: given.client_name.clone() };
        for (name, value) in &given.transport_options {
            match name.as_str() {
                "connect_timeout" => options.connect_timeout = seconds(name, value)?,
                // Every publication is confirmed anyway. How kombu retries, which the worker and its outbox do here; how
                // py-amqp reads and writes.
                "confirm_publish" | "max_retries" | "interval_start" | "interval_step" | "interval_max"
                | "read_timeout" | "write_timeout" | "socket_settings" | "client_properties" | "errback"
                | "on_unblocked" | "on_blocked" => {}
                _ => tracing::warn!("broker_transport_options[{name:?}] is not used with RabbitMQ."),
            }
        }
        if given.use_ssl.as_ref().is_some_and(|use_ssl| !matches!(use_ssl, Value::Null | Value::Bool(false)))
        {
            return Err(Error::Setting {
                setting: "broker_use_ssl".to_owned(),
                reason: "TLS to RabbitMQ is not supported yet; use a plain connection, or a TLS proxy"
                    .to_owned(),
            });
        }
        Ok(options)
    }
}

fn seconds(name: &str, value: &Value) -> Result<Duration> {
    let seconds = value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|seconds| !seconds.is_zero()).ok_or_else(|| Error::Option {
        option: name.to_owned(),
        reason: format!("a number of seconds is needed, not {value}"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(options: Value) -> Result<Options> {
        let Value::Object(options) = options else { panic!("an object is needed") };
        Options::parse(&ConnectOptions::new(options, "w@h"))
    }

    #[test]
    fn known_ones() {
        assert_eq!(
            parse(json!({"confirm_publish": true, "visibility_timeout": 9})).unwrap().client_name,
            "w@h"
        );
        assert_eq!(
            parse(json!({"connect_timeout": 1.5})).unwrap().connect_timeout,
            Duration::from_millis(1500)
        );
        assert!(parse(json!({"connect_timeout": 0})).unwrap_err().to_string().contains("connect_timeout"));
    }
}
