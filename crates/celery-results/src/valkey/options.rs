//! `result_backend_transport_options`.

use std::time::Duration;

use celery_valkey::{Access, NO_PROVIDER};
use serde_json::{Map, Value};

use crate::{Error, Result};

/// The options that this driver honours.
#[derive(Debug)]
pub(super) struct Options {
    /// Before every key, separator included.
    pub(super) prefix: String,
    pub(super) connect_timeout: Duration,
    /// `socket_timeout`; `None` leaves it to the connection.
    pub(super) command_timeout: Option<Duration>,
    /// How to find the server and what to show it.
    pub(super) access: Access,
    pub(super) client_name: Option<String>,
    /// `result_chord_ordered`: whether the parts of a chord are kept in the order of its header.
    pub(super) chord_ordered: bool,
}

impl Options {
    /// Reads the options; one that is unknown, unsupported or of the wrong type is an [`Error::Option`].
    pub(super) fn parse(given: &Map<String, Value>) -> Result<Self> {
        let mut options = Self {
            prefix: String::new(),
            connect_timeout: Duration::from_secs(5),
            command_timeout: None,
            access: Access::default(),
            client_name: None,
            chord_ordered: true,
        };
        for (name, value) in given {
            let refuse = |reason: &str| Error::Option { option: name.clone(), reason: reason.to_owned() };
            let text = || match value {
                Value::Null => Ok(None),
                Value::String(text) => Ok(Some(text.clone())),
                _ => Err(refuse("a string is needed")),
            };
            let duration = || {
                let seconds = value.as_f64().filter(|seconds| (0.001..1e9).contains(seconds));
                let seconds = seconds.ok_or_else(|| refuse("a number of seconds above 0 is needed"))?;
                Ok::<_, Error>(Duration::from_secs_f64(seconds))
            };
            match name.as_str() {
                "global_keyprefix" => options.prefix = with_separator(text()?.unwrap_or_default()),
                "client_name" => options.client_name = text()?,
                "result_chord_ordered" => {
                    options.chord_ordered =
                        value.as_bool().ok_or_else(|| refuse("true or false is needed"))?;
                }
                "socket_connect_timeout" | "socket_timeout" | "credential_provider" if value.is_null() => {}
                "socket_connect_timeout" => options.connect_timeout = duration()?,
                "socket_timeout" => options.command_timeout = Some(duration()?),
                "master_name" => options.access.master_name = text()?,
                "min_other_sentinels" => {
                    options.access.min_other_sentinels = value
                        .as_u64()
                        .ok_or_else(|| refuse("a whole number that is not negative is needed"))?;
                }
                "sentinel_kwargs" => match value {
                    Value::Null => {}
                    Value::Object(kwargs) => options.access.sentinel_kwargs.clone_from(kwargs),
                    _ => return Err(refuse("a dictionary is needed")),
                },
                "credential_provider" => return Err(refuse(NO_PROVIDER)),
                // How redis-py manages its sockets and pool and how Celery retries: this driver has one connection with
                // limits of its own, which it keeps alive and looks after, and reconnects by itself.
                // `visibility_timeout` belongs to the broker, and many apps give both the same options.
                "socket_keepalive"
                | "socket_keepalive_options"
                | "max_connections"
                | "health_check_interval"
                | "retry_on_timeout"
                | "retry_policy"
                | "polling_interval"
                | "visibility_timeout" => {}
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
            (json!({"socket_timeout": "1"}), "socket_timeout"),
            (json!({"master_name": 1}), "master_name"),
            (json!({"sentinel_kwargs": []}), "sentinel_kwargs"),
            (json!({"min_other_sentinels": -1}), "min_other_sentinels"),
            (json!({"credential_provider": "a.b"}), "credential_provider"),
        ] {
            let error = parse(value).err().unwrap();
            assert!(matches!(&error, Error::Option { option, .. } if option == name), "{error}");
        }
    }
}
