//! `result_backend_transport_options`.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{Error, Result};

/// The options that this driver honours.
#[derive(Debug)]
pub(super) struct Options {
    /// Before every key, separator included.
    pub(super) prefix: String,
    pub(super) connect_timeout: Duration,
    pub(super) client_name: Option<String>,
}

impl Options {
    /// Reads the options; one that is unknown, unsupported or of the wrong type is an [`Error::Option`].
    pub(super) fn parse(given: &Map<String, Value>) -> Result<Self> {
        let mut options =
            Self { prefix: String::new(), connect_timeout: Duration::from_secs(5), client_name: None };
        for (name, value) in given {
            let refuse = |reason: &str| Error::Option { option: name.clone(), reason: reason.to_owned() };
            let text = || match value {
                Value::Null => Ok(None),
                Value::String(text) => Ok(Some(text.clone())),
                _ => Err(refuse("a string is needed")),
            };
            match name.as_str() {
                "global_keyprefix" => options.prefix = with_separator(text()?.unwrap_or_default()),
                "client_name" => options.client_name = text()?,
                "socket_connect_timeout" if value.is_null() => {}
                "socket_connect_timeout" => {
                    let seconds = value.as_f64().filter(|seconds| (0.001..1e9).contains(seconds));
                    let seconds = seconds.ok_or_else(|| refuse("a number of seconds above 0 is needed"))?;
                    options.connect_timeout = Duration::from_secs_f64(seconds);
                }
                // How redis-py manages its sockets and pool and how Celery retries: this driver has one connection with
                // limits of its own, and reconnects by itself. `visibility_timeout` belongs to the broker, and many
                // apps give both the same options. `result_chord_ordered` is read by whoever completes chords.
                "socket_timeout"
                | "socket_keepalive"
                | "socket_keepalive_options"
                | "max_connections"
                | "health_check_interval"
                | "retry_on_timeout"
                | "retry_policy"
                | "polling_interval"
                | "visibility_timeout"
                | "result_chord_ordered" => {}
                "credential_provider" | "master_name" | "min_other_sentinels" | "sentinel_kwargs" => {
                    return Err(refuse("not supported yet"));
                }
                _ => return Err(refuse("unknown option")),
            }
        }
        Ok(options)
    }
}

/// An underscore is added unless the prefix ends in a separator.
///
/// Source: `celery/backends/base.py: BaseKeyValueStoreBackend._add_global_keyprefix`.
fn with_separator(mut prefix: String) -> String {
    if prefix.chars().last().is_some_and(|last| !matches!(last, ':' | '_' | '-' | '.')) {
        prefix.push('_');
    }
    prefix
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Result<Options> {
        Options::parse(value.as_object().unwrap())
    }

    #[test]
    fn prefixes() {
        for (given, prefix) in
            [("app", "app_"), ("app:", "app:"), ("a-", "a-"), ("a.", "a."), ("a_", "a_"), ("", "")]
        {
            assert_eq!(parse(json!({"global_keyprefix": given})).unwrap().prefix, prefix);
        }
    }

    #[test]
    fn refused_by_name() {
        for (value, name) in [
            (json!({"global_keyprefx": "x"}), "global_keyprefx"),
            (json!({"global_keyprefix": 1}), "global_keyprefix"),
            (json!({"socket_connect_timeout": -1}), "socket_connect_timeout"),
            (json!({"master_name": "m"}), "master_name"),
        ] {
            let error = parse(value).err().unwrap();
            assert!(matches!(&error, Error::Option { option, .. } if option == name), "{error}");
        }
    }
}
