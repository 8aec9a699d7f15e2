//! The settings of Celery that commands without an app need: from the app if one is named, from the environment, from
//! options. The later goes before the earlier.

use std::env;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::options::App;

/// Settings, by Celery's names (`celery/app/defaults.py`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) broker_url: Option<String>,
    pub(crate) broker_transport_options: Map<String, Value>,
    pub(crate) broker_use_ssl: Option<Value>,
    pub(crate) broker_failover_strategy: Option<String>,
    pub(crate) broker_login_method: Option<String>,
    pub(crate) broker_heartbeat: Option<Value>,
    pub(crate) broker_connection_timeout: Option<Value>,
    pub(crate) result_backend: Option<String>,
    pub(crate) result_backend_transport_options: Map<String, Value>,
    pub(crate) redis_backend_use_ssl: Option<Value>,
    pub(crate) control_exchange: String,
    pub(crate) event_exchange: String,
    pub(crate) task_default_queue: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            broker_url: None,
            broker_transport_options: Map::new(),
            broker_use_ssl: None,
            broker_failover_strategy: None,
            broker_login_method: None,
            broker_heartbeat: None,
            broker_connection_timeout: None,
            result_backend: None,
            result_backend_transport_options: Map::new(),
            redis_backend_use_ssl: None,
            control_exchange: String::from("celery"),
            event_exchange: String::from("celeryev"),
            task_default_queue: String::from("celery"),
        }
    }
}

/// Which of them can be given by `-o`.
const NAMES: [&str; 13] = [
    "broker_url",
    "broker_transport_options",
    "broker_use_ssl",
    "broker_failover_strategy",
    "broker_login_method",
    "broker_heartbeat",
    "broker_connection_timeout",
    "result_backend",
    "result_backend_transport_options",
    "redis_backend_use_ssl",
    "control_exchange",
    "event_exchange",
    "task_default_queue",
];

impl Settings {
    /// Puts them together. `app` is what the app said, `given` the values of `-o`.
    ///
    /// # Errors
    ///
    /// What is wrong with them, as a line for people.
    pub(crate) fn gather(app: Map<String, Value>, urls: &App, given: &[String]) -> Result<Self, String> {
        let mut settings = app;
        for (name, url) in [("broker_url", broker_url(urls)), ("result_backend", result_backend(urls))] {
            if let Some(url) = url {
                settings.insert(name.to_owned(), Value::String(url));
            }
        }
        for option in given {
            set(&mut settings, option)?;
        }
        serde_json::from_value(Value::Object(settings)).map_err(|error| format!("-o: {error}"))
    }

    /// The broker's URL.
    ///
    /// # Errors
    ///
    /// What to write instead, when nobody has named it.
    pub(crate) fn broker(&self) -> Result<&str, String> {
        self.broker_url.as_deref().ok_or_else(|| {
            String::from(
                "no broker: give -b redis://HOST:PORT/DB, set CELERY_BROKER_URL, or name the app with -A, which is then \
                 asked",
            )
        })
    }

    /// The URL of the results.
    ///
    /// # Errors
    ///
    /// As [`broker`](Self::broker).
    pub(crate) fn results(&self) -> Result<&str, String> {
        self.result_backend.as_deref().ok_or_else(|| {
            String::from(
                "no result backend: give --result-backend redis://HOST:PORT/DB, set CELERY_RESULT_BACKEND, or name the \
                 app with -A, which is then asked",
            )
        })
    }
}

fn from_environment(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The option, then what Celery itself reads (`celery/app/utils.py: Settings.broker_url`).
fn broker_url(urls: &App) -> Option<String> {
    let read =
        || from_environment("CELERY_BROKER_READ_URL").or_else(|| from_environment("CELERY_BROKER_URL"));
    urls.broker.first().cloned().or_else(read)
}

/// The option, then what Celery itself reads (`celery/app/utils.py: Settings.result_backend`).
fn result_backend(urls: &App) -> Option<String> {
    urls.result_backend.clone().or_else(|| from_environment("CELERY_RESULT_BACKEND"))
}

/// Sets one option: `name=value`, or `name.key=value` for one key of a dictionary.
fn set(settings: &mut Map<String, Value>, option: &str) -> Result<(), String> {
    let (name, value) = option
        .split_once('=')
        .ok_or_else(|| format!("-o {option}: write SETTING=VALUE, such as broker_use_ssl=true"))?;
    let (name, key) = match name.split_once('.') {
        Some((name, key)) => (name, Some(key)),
        None => (name, None),
    };
    if !NAMES.contains(&name) {
        return Err(format!("-o {name}: not one of the settings that matter here: {}", NAMES.join(", ")));
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    let Some(key) = key else {
        settings.insert(name.to_owned(), value);
        return Ok(());
    };
    let place = settings.entry(name).or_insert(Value::Null);
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    place[key] = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn gather(app: Value, given: &[&str]) -> Result<Settings, String> {
        let given: Vec<_> = given.iter().map(|&option| option.to_owned()).collect();
        let urls = App { broker: vec!["redis://given/0".to_owned()], ..App::default() };
        Settings::gather(app.as_object().unwrap().clone(), &urls, &given)
    }

    #[test]
    fn the_later_goes_before_the_earlier() {
        let app = json!({"broker_url": "redis://app/0", "control_exchange": "app", "task_default_queue": "work",
            "broker_transport_options": {"global_keyprefix": "app:", "socket_timeout": 3}});
        let given = [
            "broker_transport_options.global_keyprefix=given:",
            "broker_use_ssl=true",
            r#"redis_backend_use_ssl={"ssl_cert_reqs": "none"}"#,
            "control_exchange=given",
        ];
        let settings = gather(app, &given).unwrap();
        assert_eq!(settings.broker(), Ok("redis://given/0"));
        assert_eq!(
            json!(settings.broker_transport_options),
            json!({"global_keyprefix": "given:", "socket_timeout": 3})
        );
        assert_eq!(settings.broker_use_ssl, Some(json!(true)));
        assert_eq!(settings.redis_backend_use_ssl, Some(json!({"ssl_cert_reqs": "none"})));
        assert_eq!((&*settings.control_exchange, &*settings.task_default_queue), ("given", "work"));
        assert_eq!(settings.event_exchange, "celeryev");
    }

    #[test]
    fn mistakes_are_named() {
        let said = |option| gather(json!({}), &[option]).unwrap_err();
        assert!(said("task_routes={}").starts_with("-o task_routes: not one of the settings"));
        assert!(said("broker_use_ssl").starts_with("-o broker_use_ssl: write SETTING=VALUE"));
        assert!(said("control_exchange=1").starts_with("-o: invalid type"));
    }
}
