//! The options of a call by name (`celery/app/task.py: Task.apply_async`).

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::{OptionValue, Signature};
use crate::{Value, iso8601, to_value};

impl Signature {
    /// Gives it this id, instead of a new one.
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        self.option("task_id", id.into())
    }

    /// Sends it to this queue, instead of the client's.
    #[must_use]
    pub fn queue(self, queue: impl Into<String>) -> Self {
        self.option("queue", queue.into())
    }

    /// Sends it to this exchange with this routing key, instead of to a queue.
    #[must_use]
    pub fn route(self, exchange: impl Into<String>, routing_key: impl Into<String>) -> Self {
        self.option("exchange", exchange.into()).option("routing_key", routing_key.into())
    }

    /// The priority. Which end is served first is the broker's and the worker's matter: stock workers on Redis serve 0
    /// first, RabbitMQ the highest.
    #[must_use]
    pub fn priority(self, priority: u8) -> Self {
        self.option("priority", priority)
    }

    /// Not to be run before this much time has passed.
    #[must_use]
    pub fn countdown(self, countdown: Duration) -> Self {
        self.option("countdown", countdown.as_secs_f64())
    }

    /// Not to be run before this moment.
    #[must_use]
    pub fn eta(self, eta: SystemTime) -> Self {
        self.option("eta", iso8601(eta))
    }

    /// Not to be run once this much time has passed since it was sent.
    #[must_use]
    pub fn expires_in(self, expires: Duration) -> Self {
        self.option("expires", expires.as_secs_f64())
    }

    /// Not to be run after this moment.
    #[must_use]
    pub fn expires_at(self, expires: SystemTime) -> Self {
        self.option("expires", iso8601(expires))
    }

    /// After how long the worker ends the task.
    #[must_use]
    pub fn time_limit(self, limit: Duration) -> Self {
        self.option("time_limit", seconds(limit))
    }

    /// After how long the worker raises `SoftTimeLimitExceeded` in the task.
    #[must_use]
    pub fn soft_time_limit(self, limit: Duration) -> Self {
        self.option("soft_time_limit", seconds(limit))
    }

    /// As if it had been retried this often.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        self.option("retries", retries)
    }

    /// Its result is not to be stored: awaiting it would be in vain.
    #[must_use]
    pub fn ignore_result(self) -> Self {
        self.option("ignore_result", true)
    }

    /// The name to show in logs instead of the task's.
    #[must_use]
    pub fn shadow(self, name: impl Into<String>) -> Self {
        self.option("shadow", name.into())
    }

    /// What writes its arguments: `json`, `msgpack`, `yaml`.
    #[must_use]
    pub fn serializer(self, name: &str) -> Self {
        self.option("serializer", name)
    }

    /// What compresses its arguments: `zlib`, `bzip2`, `lzma`, `brotli`, `zstd`.
    #[must_use]
    pub fn compression(self, name: &str) -> Self {
        self.option("compression", name)
    }

    /// Adds a header of its own to the message; the task finds it in `self.request.headers`.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Serialize) -> Self {
        let value = match to_value(&value) {
            Ok(value) => value,
            Err(error) => {
                self.refuse(&error.to_string());
                return self;
            }
        };
        let mut headers = match self.options.remove("headers") {
            Some(OptionValue::Value(Value::Map(headers))) => headers,
            _ => Vec::new(),
        };
        headers.push((name.into(), value));
        self.option("headers", Value::Map(headers))
    }
}

/// Whole seconds as an integer, as Python programs write them.
fn seconds(limit: Duration) -> Value {
    match i64::try_from(limit.as_secs()) {
        Ok(whole) if limit.subsec_nanos() == 0 => whole.into(),
        _ => limit.as_secs_f64().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn options_are_named_as_celery_names_them() {
        let signature = Signature::new("t")
            .queue("q")
            .priority(9)
            .countdown(Duration::from_millis(1500))
            .eta(UNIX_EPOCH)
            .expires_in(Duration::from_secs(60))
            .time_limit(Duration::from_secs(30))
            .soft_time_limit(Duration::from_millis(12_500))
            .header("own", 1)
            .header("more", "x")
            .ignore_result();
        assert_eq!(
            signature.options.to_value().to_json().unwrap(),
            r#"{"queue": "q", "priority": 9, "countdown": 1.5, "eta": "1970-01-01T00:00:00+00:00", "expires": 60.0, "time_limit": 30, "soft_time_limit": 12.5, "headers": {"own": 1, "more": "x"}, "ignore_result": true}"#
        );
    }

    #[test]
    fn what_is_no_value_is_said_when_it_is_sent() {
        let bad = Signature::new("t").header("h", f64::NAN).args("text");
        assert_eq!(
            bad.check().unwrap_err().to_string(),
            "t: the positional arguments must be a tuple or a list, not a str"
        );
    }
}
