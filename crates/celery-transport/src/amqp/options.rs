//! `broker_transport_options`, and the settings that only AMQP has.

use std::time::Duration;

use celery_valkey::{TlsNames, TlsSettings};
use lapin::uri::SASLMechanism;
use serde_json::Value;

use crate::{ConnectOptions, Error, Result};

/// What a user says besides the URL.
#[derive(Debug, Clone)]
pub(super) struct Options {
    /// How long connecting to one place may take.
    pub(super) connect_timeout: Duration,
    /// The node name.
    pub(super) client_name: String,
    /// What was said of TLS, if it is wanted whatever the scheme.
    pub(super) tls: Option<TlsSettings>,
    /// How to log in; PLAIN when nothing is said.
    pub(super) login_method: Option<SASLMechanism>,
    /// The interval that is proposed, in seconds: the shorter of it and the broker's holds, and when either is 0 the
    /// other's (`amqp/connection.py: Connection._on_tune`).
    pub(super) heartbeat: Option<u16>,
}

impl Default for Options {
    /// `celery/app/defaults.py: broker`.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(4),
            client_name: String::new(),
            tls: None,
            login_method: None,
            heartbeat: Some(120),
        }
    }
}

impl Options {
    /// Reads the options and settings. kombu hands the options to `amqp.Connection`, where they go before the settings,
    /// and which takes and ignores whatever it does not know; those are warned of.
    ///
    /// Source: `kombu/transport/pyamqp.py: Transport.establish_connection`, `amqp/connection.py: Connection.__init__`.
    pub(super) fn parse(given: &ConnectOptions) -> Result<Self> {
        let mut options = Self { client_name: given.client_name.clone(), ..Self::default() };
        let setting = |name: &str| {
            let setting = name.to_owned();
            move |reason: String| Error::Setting { setting, reason }
        };
        if let Some(value) = &given.connection_timeout {
            options.connect_timeout = timeout(value).map_err(setting("broker_connection_timeout"))?;
        }
        if let Some(value) = &given.heartbeat {
            options.heartbeat = Some(heartbeat(value).map_err(setting("broker_heartbeat"))?);
        }
        if let Some(name) = &given.login_method {
            options.login_method = Some(login_method(name).map_err(setting("broker_login_method"))?);
        }
        if let Some(given) = &given.use_ssl {
            options.tls = TlsSettings::read(given, TlsNames::Amqp).map_err(setting("broker_use_ssl"))?;
        }
        for (name, value) in &given.transport_options {
            let refuse = |reason: String| Error::Option { option: name.clone(), reason };
            match name.as_str() {
                "connect_timeout" => options.connect_timeout = timeout(value).map_err(refuse)?,
                "heartbeat" => options.heartbeat = Some(heartbeat(value).map_err(refuse)?),
                "login_method" => {
                    let name = value.as_str().ok_or_else(|| refuse("a string is needed".to_owned()))?;
                    options.login_method = Some(login_method(name).map_err(refuse)?);
                }
                // Every publication is confirmed anyway. How kombu retries, which the worker and its outbox do here; how
                // py-amqp reads and writes.
                "confirm_publish" | "max_retries" | "interval_start" | "interval_step" | "interval_max"
                | "read_timeout" | "write_timeout" | "socket_settings" | "client_properties" | "errback"
                | "on_unblocked" | "on_blocked" => {}
                _ => tracing::warn!("broker_transport_options[{name:?}] is not used with RabbitMQ."),
            }
        }
        Ok(options)
    }
}

fn timeout(value: &Value) -> Result<Duration, String> {
    let seconds = value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds
        .filter(|seconds| !seconds.is_zero())
        .ok_or_else(|| format!("a number of seconds is needed, not {value}"))
}

/// Whole seconds, of which AMQP has 65,535. Less than one is one.
fn heartbeat(value: &Value) -> Result<u16, String> {
    let seconds = match value {
        Value::Null | Value::Bool(false) => Some(0.0),
        value => value.as_f64(),
    };
    match seconds.filter(|seconds| (0.0..=f64::from(u16::MAX)).contains(seconds)) {
        Some(seconds) => Ok(seconds.ceil() as u16),
        None => {
            Err(format!("a number of seconds up to 65535 is needed, or 0 for the broker's own, not {value}"))
        }
    }
}

/// Source: `amqp/sasl.py`.
fn login_method(name: &str) -> Result<SASLMechanism, String> {
    match name.to_ascii_uppercase().as_str() {
        "PLAIN" => Ok(SASLMechanism::Plain),
        "AMQPLAIN" => Ok(SASLMechanism::AMQPlain),
        "EXTERNAL" => Ok(SASLMechanism::External),
        _ => Err(format!("{name:?} is not supported; PLAIN, AMQPLAIN and EXTERNAL are")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(options: Value) -> Result<Options> {
        let Value::Object(options) = options else { panic!("an object is needed") };
        Options::parse(&ConnectOptions::new(options, "w@h"))
    }

    fn refused(options: ConnectOptions) -> String {
        Options::parse(&options).unwrap_err().to_string()
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

    #[test]
    fn options_go_before_settings() {
        let Value::Object(given) = json!({"heartbeat": 3, "login_method": "amqplain"}) else {
            unreachable!()
        };
        let given = ConnectOptions::new(given, "w@h")
            .with_heartbeat(Some(json!(9)))
            .with_login_method(Some("PLAIN".to_owned()))
            .with_connection_timeout(Some(json!(0.5)));
        let options = Options::parse(&given).unwrap();
        assert_eq!((options.heartbeat, options.login_method), (Some(3), Some(SASLMechanism::AMQPlain)));
        assert_eq!(options.connect_timeout, Duration::from_millis(500));
    }

    #[test]
    fn heartbeats() {
        for (given, seconds) in [(json!(0), 0), (json!(null), 0), (json!(0.2), 1), (json!(60), 60)] {
            assert_eq!(heartbeat(&given).unwrap(), seconds);
        }
        assert_eq!(parse(json!({})).unwrap().heartbeat, Some(120));
    }

    #[test]
    fn settings_are_named() {
        let given = ConnectOptions::default;
        for (options, words) in [
            (given().with_heartbeat(Some(json!(-1))), ["broker_heartbeat", "65535"]),
            (given().with_login_method(Some("GSSAPI".to_owned())), ["broker_login_method", "EXTERNAL"]),
            (given().with_connection_timeout(Some(json!("x"))), ["broker_connection_timeout", "seconds"]),
            (given().with_use_ssl(Some(json!({"ssl_ca_certs": "x"}))), ["broker_use_ssl", "ssl_ca_certs"]),
        ] {
            let error = refused(options);
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }
}
