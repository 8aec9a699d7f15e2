//! What Python says of the app and the command line, as one JSON object (`celery_oxide._settings.collect`).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use celery_executor::{Kind, Limits};
use celery_protocol::json::RawJson;
use celery_scheduler::{RateLimit, Zone};
use celery_transport::{Declaration, PriorityOrder, Queue};
use celery_worker::{Config, Software, TaskSpec};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value};
use worker_cli::{Banner, LogLevel, QueueLine, TaskLine};

use crate::following::FollowingSettings;

/// Everything the engine needs to know.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) hostname: String,
    pub(crate) versions: String,
    pub(crate) app: String,
    /// The first is where tasks publish; all are consumed from.
    pub(crate) broker_urls: Vec<String>,
    pub(crate) broker_transport_options: Map<String, Value>,
    pub(crate) broker_use_ssl: Option<Value>,
    pub(crate) broker_failover_strategy: Option<String>,
    pub(crate) broker_login_method: Option<String>,
    pub(crate) broker_heartbeat: Value,
    pub(crate) broker_connection_timeout: Value,
    pub(crate) connection_retry: bool,
    pub(crate) connection_max_retries: Option<u32>,
    /// The result store's URL; `None` when results are ignored or Python's own backend keeps them.
    pub(crate) result_backend: Option<String>,
    /// The result backend as the banner shows it.
    pub(crate) result_backend_shown: String,
    pub(crate) result_backend_transport_options: Map<String, Value>,
    pub(crate) redis_backend_use_ssl: Option<Value>,
    pub(crate) result_persistent: bool,
    pub(crate) result_expires: Option<f64>,
    pub(crate) result_extended: bool,
    pub(crate) accept_content: Vec<String>,
    pub(crate) loop_workers: usize,
    pub(crate) loop_concurrency: usize,
    pub(crate) sync_workers: usize,
    pub(crate) prefetch_multiplier: usize,
    pub(crate) disable_prefetch: bool,
    pub(crate) eta_task_limit: Option<usize>,
    /// The name of a time zone, `local`, or nothing that says anything; and by how much it is ahead of UTC now.
    pub(crate) timezone: (String, i32),
    /// `celery` or `high`.
    pub(crate) priority_order: String,
    /// In seconds; `None` parks nothing.
    pub(crate) eta_park_after: Option<f64>,
    pub(crate) purge: bool,
    pub(crate) quiet: bool,
    pub(crate) loglevel: LogLevel,
    pub(crate) logfile: Option<String>,
    pub(crate) no_color: bool,
    pub(crate) queues: Vec<QueueSettings>,
    /// All queues that the app knows, consumed from or not.
    pub(crate) known_queues: Vec<QueueSettings>,
    /// Queues as `inspect active_queues` shows them, by name.
    pub(crate) queue_details: Map<String, Value>,
    pub(crate) remote_control: bool,
    /// The control commands that the app defines.
    pub(crate) own_commands: Vec<String>,
    pub(crate) control_exchange: String,
    pub(crate) task_events: bool,
    pub(crate) event_exchange: String,
    /// Seconds; `None` sends no heartbeats.
    pub(crate) heartbeat: Option<f64>,
    pub(crate) mingle: bool,
    pub(crate) gossip: bool,
    /// `sw_ident`, `sw_ver`, `sw_sys`.
    pub(crate) software: [String; 3],
    pub(crate) utcoffset: f64,
    pub(crate) revokes_max: usize,
    pub(crate) revoke_expires: f64,
    /// What is revoked from the start, the oldest first.
    pub(crate) revoked: Vec<String>,
    /// What the logical clock shows at the start.
    pub(crate) clock: u64,
    pub(crate) soft_shutdown_timeout: f64,
    pub(crate) soft_shutdown_on_idle: bool,
    pub(crate) max_stuck: Option<usize>,
    pub(crate) tasks: Vec<TaskSettings>,
    /// How tasks are sent; `None` when the app does that in a way of its own.
    pub(crate) following: Option<FollowingSettings>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueSettings {
    name: String,
    exchange: String,
    exchange_type: String,
    routing_key: String,
    #[serde(default)]
    declaration: Declaration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskSettings {
    name: String,
    is_async: bool,
    acks_late: bool,
    acks_on_failure: bool,
    acks_on_timeout: bool,
    ignore_result: bool,
    message_decides: bool,
    store_errors_even_if_ignored: bool,
    track_started: bool,
    soft_time_limit: Option<f64>,
    time_limit: Option<f64>,
    rate_limit: Option<String>,
    send_events: bool,
    concluded_by_host: bool,
    follows: bool,
}

impl Settings {
    pub(crate) fn read(text: &str) -> PyResult<Self> {
        serde_json::from_str(text).map_err(|error| PyValueError::new_err(format!("settings: {error}")))
    }

    pub(crate) fn config(&self) -> PyResult<Config> {
        let queues = self.queues.iter().map(QueueSettings::queue).collect();
        let tasks = self.tasks.iter().map(TaskSettings::spec).collect::<PyResult<_>>()?;
        let mut config = Config::new(&*self.hostname, queues, tasks);
        config.prefetch_multiplier = self.prefetch_multiplier;
        config.disable_prefetch = self.disable_prefetch;
        config.eta_task_limit = self.eta_task_limit;
        config.zone = self.zone();
        config.priority_order = self.priority_order()?;
        config.eta_park_after = self.eta_park_after.and_then(seconds);
        config.accept_content.clone_from(&self.accept_content);
        config.result_expires = self.result_expires.and_then(seconds);
        config.result_extended = self.result_extended;
        config.connection_retry = self.connection_retry;
        config.connection_max_retries = self.connection_max_retries;
        config.known_queues = self.known_queues.iter().map(QueueSettings::queue).collect();
        config.queue_details = self
            .queue_details
            .iter()
            .filter_map(|(name, json)| Some((name.clone(), RawJson::new(json.to_string()).ok()?)))
            .collect();
        config.remote_control = self.remote_control;
        config.control_namespace.clone_from(&self.control_exchange);
        config.task_events = self.task_events;
        config.event_exchange.clone_from(&self.event_exchange);
        config.heartbeat = self.heartbeat.and_then(seconds);
        config.mingle = self.mingle;
        config.gossip = self.gossip;
        let [ident, version, system] = self.software.clone();
        config.software = Software { ident, version, system };
        config.utcoffset = self.utcoffset;
        config.revokes_max = self.revokes_max;
        config.revoke_expires = seconds(self.revoke_expires).unwrap_or_default();
        config.soft_shutdown_timeout = seconds(self.soft_shutdown_timeout).unwrap_or_default();
        config.soft_shutdown_on_idle = self.soft_shutdown_on_idle;
        config.max_stuck = self.max_stuck;
        config.log_values = self.loglevel <= LogLevel::Info;
        config.following =
            self.following.as_ref().map(|following| Arc::new(following.known(&config.known_queues)));
        Ok(config)
    }

    fn zone(&self) -> Zone {
        let (name, offset) = &self.timezone;
        let found = if name == "local" { Some(Zone::local()) } else { Zone::named(name) };
        // A machine may know fewer zones than Python does, or other rules for its own.
        let known = found.filter(|zone| zone.offset(SystemTime::now()) == *offset);
        known.unwrap_or_else(|| Zone::fixed(*offset))
    }

    pub(crate) fn priority_order(&self) -> PyResult<PriorityOrder> {
        PriorityOrder::named(&self.priority_order).ok_or_else(|| {
            let given = &self.priority_order;
            PyValueError::new_err(format!(
                "worker_priority_order is {given:?}; write \"celery\" (0 first, as stock workers) or \"high\" (255 first)"
            ))
        })
    }

    /// `native` are the names of the Rust tasks.
    pub(crate) fn banner(&self, transport: String, native: HashSet<String>) -> Banner {
        let queues = self.queues.iter().map(|queue| QueueLine {
            name: queue.name.clone(),
            exchange: queue.exchange.clone(),
            exchange_type: queue.exchange_type.clone(),
            routing_key: queue.routing_key.clone(),
        });
        let tasks = self.tasks.iter().filter(|task| !task.name.starts_with("celery."));
        let tasks = tasks.filter(|task| !native.contains(&task.name));
        let mut tasks: Vec<_> = tasks
            .map(|task| TaskLine { name: task.name.clone(), kind: task.kind().as_str().to_owned() })
            .collect();
        if !native.is_empty() {
            tasks.extend(
                native.iter().map(|name| TaskLine { name: name.clone(), kind: String::from("rust") }),
            );
            tasks.sort_by(|one, other| one.name.cmp(&other.name));
        }
        Banner {
            hostname: self.hostname.clone(),
            versions: self.versions.clone(),
            app: self.app.clone(),
            transport,
            results: self.result_backend_shown.clone(),
            loop_workers: self.loop_workers,
            loop_concurrency: self.loop_concurrency,
            sync_workers: self.sync_workers,
            queues: queues.collect(),
            tasks,
        }
    }
}

impl QueueSettings {
    pub(crate) fn queue(&self) -> Queue {
        Queue::named(&*self.name)
            .bound_to(&*self.exchange, &*self.exchange_type, &*self.routing_key)
            .declared(self.declaration.clone())
    }
}

impl TaskSettings {
    fn kind(&self) -> Kind {
        if self.is_async { Kind::Async } else { Kind::Sync }
    }

    fn spec(&self) -> PyResult<TaskSpec> {
        let mut spec = TaskSpec::new(Arc::from(&*self.name), self.kind());
        spec.acks_late = self.acks_late;
        spec.acks_on_failure = self.acks_on_failure;
        spec.acks_on_timeout = self.acks_on_timeout;
        spec.ignore_result = self.ignore_result;
        spec.message_decides = self.message_decides;
        spec.store_errors_even_if_ignored = self.store_errors_even_if_ignored;
        spec.track_started = self.track_started;
        spec.send_events = self.send_events;
        spec.concluded_by_host = self.concluded_by_host;
        spec.follows = self.follows;
        spec.limits =
            Limits { soft: self.soft_time_limit.and_then(seconds), hard: self.time_limit.and_then(seconds) };
        if let Some(limit) = &self.rate_limit {
            let invalid = |error| PyValueError::new_err(format!("rate_limit of {}: {error}", self.name));
            spec.rate_limit = RateLimit::parse(limit).map_err(invalid)?;
        }
        Ok(spec)
    }
}

fn seconds(seconds: f64) -> Option<Duration> {
    (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}
