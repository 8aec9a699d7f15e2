//! `broker_transport_options`.

use std::time::Duration;

use celery_valkey::{Access, NO_PROVIDER};
use serde_json::{Map, Value};

use super::streams::Streams;
use crate::{Error, PriorityOrder, Result};

/// The options that this driver honours, with kombu's names and defaults.
///
/// Source: `kombu/transport/redis.py: Channel.from_transport_options`.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) global_keyprefix: String,
    /// Between the name of a queue and its priority step, and in bindings.
    pub(super) sep: String,
    /// Ascending, not empty.
    pub(super) priority_steps: Vec<u8>,
    pub(super) unacked_key: String,
    pub(super) unacked_index_key: String,
    pub(super) unacked_mutex_key: String,
    pub(super) unacked_mutex_expire: Duration,
    pub(super) visibility_timeout: Duration,
    /// The same for sorted sets, whose other workers have another default.
    pub(super) sorted_visibility: Duration,
    /// Which lists are served first. From a setting of the worker.
    pub(super) priority_order: PriorityOrder,
    /// Whether tasks are published into sorted sets. From the scheme of the URL.
    pub(super) sorted: bool,
    /// How long a worker that no longer renews its lease keeps its messages. Ours, not kombu's.
    pub(super) lease_timeout: Duration,
    /// The most messages one search for invisible ones restores; `None`: all.
    pub(super) unacked_restore_limit: Option<u32>,
    /// `unacked_restore_interval` times `unacked_restore_throttle`.
    pub(super) restore_every: Duration,
    pub(super) queue_order: QueueOrder,
    /// Before the name of a fanout exchange; `{db}` stands for the number of the database.
    pub(super) fanout_prefix: String,
    pub(super) fanout_patterns: bool,
    /// Whether broadcasts also go into streams. Ours, not kombu's.
    pub(super) fanout_streams: Streams,
    /// Where a message goes that no binding routes, and one that was delivered too often.
    pub(super) deadletter_queue: Option<String>,
    /// How often a message is delivered before it goes to a dead-letter queue; `None`: without end. celery-redis-plus's
    /// name and default, and RabbitMQ's default.
    pub(super) delivery_limit: Option<u32>,
    pub(super) connect_timeout: Duration,
    /// `socket_timeout`; `None` leaves it to the connection.
    pub(super) command_timeout: Option<Duration>,
    /// How to find the server and what to show it.
    pub(super) access: Access,
    pub(super) client_name: Option<String>,
}

/// Which queue is asked first (`queue_order_strategy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueOrder {
    /// Each in turn.
    RoundRobin,
    /// In the order of their names.
    Sorted,
    /// In the order in which they were given.
    Priority,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            global_keyprefix: String::new(),
            sep: "\x06\x16".to_owned(),
            priority_steps: vec![0, 3, 6, 9],
            unacked_key: "unacked".to_owned(),
            unacked_index_key: "unacked_index".to_owned(),
            unacked_mutex_key: "unacked_mutex".to_owned(),
            unacked_mutex_expire: Duration::from_secs(300),
            visibility_timeout: Duration::from_secs(3600),
            sorted_visibility: Duration::from_secs(300),
            priority_order: PriorityOrder::Celery,
            sorted: false,
            lease_timeout: Duration::from_secs(20),
            unacked_restore_limit: None,
            restore_every: Duration::from_secs(100),
            queue_order: QueueOrder::RoundRobin,
            fanout_prefix: "/{db}.".to_owned(),
            fanout_patterns: true,
            fanout_streams: Streams::Auto,
            deadletter_queue: None,
            delivery_limit: Some(20),
            connect_timeout: Duration::from_secs(5),
            command_timeout: None,
            access: Access::default(),
            client_name: None,
        }
    }
}

impl Options {
    /// Reads the options; one that is unknown, unsupported or of the wrong type is an [`Error::Option`].
    pub(super) fn parse(given: &Map<String, Value>) -> Result<Self> {
        let mut options = Self::default();
        let (mut interval, mut throttle) = (10.0, 10.0);
        for (name, value) in given {
            let option = Given { name, value };
            match name.as_str() {
                "global_keyprefix" => options.global_keyprefix = option.text()?,
                "sep" => options.sep = option.text()?,
                "priority_steps" => options.priority_steps = option.steps()?,
                "unacked_key" => options.unacked_key = option.text()?,
                "unacked_index_key" => options.unacked_index_key = option.text()?,
                "unacked_mutex_key" => options.unacked_mutex_key = option.text()?,
                "unacked_mutex_expire" => options.unacked_mutex_expire = option.duration()?,
                "visibility_timeout" => {
                    options.visibility_timeout = option.duration()?;
                    options.sorted_visibility = options.visibility_timeout;
                }
                "lease_timeout" => options.lease_timeout = option.duration()?,
                "unacked_restore_limit" => {
                    options.unacked_restore_limit = option.number_or_none()?.map(|limit| limit as u32);
                }
                "unacked_restore_interval" => interval = option.number()?,
                "unacked_restore_throttle" => throttle = option.number()?,
                "queue_order_strategy" => options.queue_order = option.queue_order()?,
                "fanout_prefix" => options.fanout_prefix = option.fanout_prefix()?,
                "fanout_patterns" => options.fanout_patterns = option.flag()?,
                "fanout_streams" => options.fanout_streams = option.streams()?,
                "deadletter_queue" => options.deadletter_queue = option.text_or_none()?,
                "delivery_limit" => options.delivery_limit = option.limit()?,
                "client_name" => options.client_name = option.text_or_none()?,
                "socket_connect_timeout" | "socket_timeout" | "credential_provider" if value.is_null() => {}
                "socket_connect_timeout" => options.connect_timeout = option.duration()?,
                "socket_timeout" => options.command_timeout = Some(option.duration()?),
                "master_name" => options.access.master_name = option.text_or_none()?,
                "min_other_sentinels" => options.access.min_other_sentinels = option.count()?,
                "sentinel_kwargs" => options.access.sentinel_kwargs = option.object()?,
                // How redis-py manages its sockets and pool, and how kombu waits and retries. This driver has three
                // connections with limits of its own, which it keeps alive and looks after, waits without polling and
                // reconnects by itself. The last ones are celery-redis-plus's and celery-asyncio's: how their clients
                // wait, and how far back they read.
                "socket_keepalive"
                | "socket_keepalive_options"
                | "max_connections"
                | "health_check_interval"
                | "retry_on_timeout"
                | "polling_interval"
                | "reauth_check_interval"
                | "max_retries"
                | "interval_start"
                | "interval_step"
                | "interval_max"
                | "retry_policy"
                | "blocking_timeout"
                | "block_timeout"
                | "stream_maxlen"
                | "stream_read_count"
                | "stream_max_age" => {}
                "ack_emulation" if option.flag()? => {}
                "body_encoding" if value == "base64" => {}
                "ack_emulation" => {
                    return Err(
                        option.refuse("this worker always keeps unacknowledged messages; remove the option")
                    );
                }
                "body_encoding" => return Err(option.refuse("only \"base64\" is supported")),
                "credential_provider" => return Err(option.refuse(NO_PROVIDER)),
                "sentinel_fanout_compat" if !option.flag()? => {}
                "sentinel_fanout_compat" => {
                    return Err(option.refuse("not supported: it is for workers older than kombu 5.4"));
                }
                _ => return Err(option.refuse("unknown option")),
            }
        }
        if interval <= 0.0 {
            interval = 10.0; // as kombu's register_with_event_loop
        }
        options.restore_every = Duration::from_secs_f64(interval * throttle.max(1.0));
        Ok(options)
    }
}

impl Options {
    /// After how many seconds another worker may restore what was taken from a sorted set, as an argument of the scripts:
    /// the visibility timeout, the minute that celery-redis-plus's workers look ahead, and a second, since the scripts
    /// reckon in whole ones.
    pub(super) fn sorted_margin(&self) -> String {
        (self.sorted_visibility.as_secs_f64() + 61.0).to_string()
    }
}

/// One option as it was given.
struct Given<'a> {
    name: &'a str,
    value: &'a Value,
}

impl Given<'_> {
    fn refuse(&self, reason: &str) -> Error {
        Error::Option { option: self.name.to_owned(), reason: reason.to_owned() }
    }

    fn text(&self) -> Result<String> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.refuse("a string is needed"))
    }

    fn text_or_none(&self) -> Result<Option<String>> {
        if self.value.is_null() { Ok(None) } else { self.text().map(Some) }
    }

    fn flag(&self) -> Result<bool> {
        self.value.as_bool().ok_or_else(|| self.refuse("true or false is needed"))
    }

    /// A number that is not negative and fits a duration.
    fn number(&self) -> Result<f64> {
        self.value
            .as_f64()
            .filter(|number| (0.0..1e9).contains(number))
            .ok_or_else(|| self.refuse("a number that is not negative is needed"))
    }

    fn number_or_none(&self) -> Result<Option<f64>> {
        if self.value.is_null() { Ok(None) } else { self.number().map(Some) }
    }

    fn count(&self) -> Result<u64> {
        self.value.as_u64().ok_or_else(|| self.refuse("a whole number that is not negative is needed"))
    }

    fn limit(&self) -> Result<Option<u32>> {
        if self.value.is_null() {
            return Ok(None);
        }
        let limit = self.value.as_u64().filter(|limit| *limit > 0);
        let limit = limit
            .ok_or_else(|| self.refuse("a whole number of at least 1, or None for no limit, is needed"))?;
        Ok(Some(u32::try_from(limit).unwrap_or(u32::MAX)))
    }

    fn object(&self) -> Result<Map<String, Value>> {
        match self.value {
            Value::Null => Ok(Map::new()),
            Value::Object(object) => Ok(object.clone()),
            _ => Err(self.refuse("a dictionary is needed")),
        }
    }

    fn duration(&self) -> Result<Duration> {
        let seconds = self.number()?;
        if seconds < 0.001 {
            return Err(self.refuse("a number of seconds above 0 is needed"));
        }
        Ok(Duration::from_secs_f64(seconds))
    }

    fn steps(&self) -> Result<Vec<u8>> {
        let steps = self.value.as_array().and_then(|steps| {
            steps
                .iter()
                .map(|step| step.as_u64().and_then(|step| u8::try_from(step).ok()))
                .collect::<Option<Vec<u8>>>()
        });
        steps
            .filter(|steps| !steps.is_empty() && steps.is_sorted())
            .ok_or_else(|| self.refuse("a list of ascending numbers from 0 to 255 is needed"))
    }

    fn streams(&self) -> Result<Streams> {
        match self.value {
            Value::Bool(true) => Ok(Streams::Always),
            Value::Bool(false) => Ok(Streams::Never),
            Value::String(auto) if auto == "auto" => Ok(Streams::Auto),
            _ => Err(self.refuse("true, false or \"auto\" is needed")),
        }
    }

    fn queue_order(&self) -> Result<QueueOrder> {
        match self.value.as_str() {
            Some("round_robin") => Ok(QueueOrder::RoundRobin),
            Some("sorted") => Ok(QueueOrder::Sorted),
            Some("priority") => Ok(QueueOrder::Priority),
            _ => Err(self.refuse("\"round_robin\", \"sorted\" or \"priority\" is needed")),
        }
    }

    fn fanout_prefix(&self) -> Result<String> {
        match self.value {
            Value::Bool(true) => Ok("/{db}.".to_owned()),
            Value::Bool(false) => Ok(String::new()),
            Value::String(prefix) => Ok(prefix.clone()),
            _ => Err(self.refuse("true, false or a string is needed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Result<Options> {
        Options::parse(value.as_object().unwrap())
    }

    #[test]
    fn kombu_options() {
        let options = parse(json!({
            "visibility_timeout": 43200, "global_keyprefix": "app:", "priority_steps": [0, 5], "sep": ":",
            "queue_order_strategy": "sorted", "fanout_prefix": false, "socket_timeout": 3, "max_connections": 5,
            "unacked_restore_interval": 3, "unacked_restore_throttle": 1, "ack_emulation": true,
        }))
        .unwrap();
        assert_eq!(options.visibility_timeout, Duration::from_secs(43200));
        assert_eq!(options.global_keyprefix, "app:");
        assert_eq!(options.priority_steps, [0, 5]);
        assert_eq!(options.queue_order, QueueOrder::Sorted);
        assert_eq!(options.restore_every, Duration::from_secs(3));
        assert_eq!(options.fanout_prefix, "");
        assert_eq!(options.command_timeout, Some(Duration::from_secs(3)));
    }

    #[test]
    fn refused_by_name() {
        for (value, name) in [
            (json!({"visibility_timeuot": 1}), "visibility_timeuot"),
            (json!({"visibility_timeout": "1h"}), "visibility_timeout"),
            (json!({"lease_timeout": 0}), "lease_timeout"),
            (json!({"priority_steps": [9, 0]}), "priority_steps"),
            (json!({"ack_emulation": false}), "ack_emulation"),
            (json!({"master_name": 1}), "master_name"),
            (json!({"sentinel_kwargs": "x"}), "sentinel_kwargs"),
            (json!({"min_other_sentinels": -1}), "min_other_sentinels"),
            (json!({"sentinel_fanout_compat": true}), "sentinel_fanout_compat"),
            (json!({"credential_provider": "a.b"}), "credential_provider"),
            (json!({"socket_timeout": 0}), "socket_timeout"),
            (json!({"delivery_limit": 0}), "delivery_limit"),
            (json!({"fanout_streams": "yes"}), "fanout_streams"),
            (json!({"queue_order_strategy": "random"}), "queue_order_strategy"),
        ] {
            let error = parse(value).err().unwrap();
            assert!(matches!(&error, Error::Option { option, .. } if option == name), "{error}");
        }
    }
}
