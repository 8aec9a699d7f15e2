//! What Python says of the app and the command line, as one JSON object (`celery_oxide._settings.collect`).

use std::sync::Arc;
use std::time::Duration;

use celery_executor::{Kind, Limits};
use celery_scheduler::RateLimit;
use celery_transport::{PriorityOrder, Queue};
use celery_worker::{Config, TaskSpec};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value};
use worker_cli::{Banner, LogLevel, QueueLine, TaskLine};

/// Everything the engine needs to know.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) hostname: String,
    pub(crate) versions: String,
    pub(crate) app: String,
    pub(crate) broker_url: String,
    pub(crate) broker_transport_options: Map<String, Value>,
    pub(crate) broker_use_ssl: Option<Value>,
    pub(crate) broker_failover_strategy: Option<String>,
    pub(crate) connection_retry: bool,
    pub(crate) connection_max_retries: Option<u32>,
    /// The result store's URL; `None` when results are ignored or Python's own backend keeps them.
    pub(crate) result_backend: Option<String>,
    /// The result backend as the banner shows it.
    pub(crate) result_backend_shown: String,
    pub(crate) result_backend_transport_options: Map<String, Value>,
    pub(crate) redis_backend_use_ssl: Option<Value>,
    pub(crate) result_expires: Option<f64>,
    pub(crate) result_extended: bool,
    pub(crate) accept_content: Vec<String>,
    pub(crate) loop_workers: usize,
    pub(crate) loop_concurrency: usize,
    pub(crate) sync_workers: usize,
    pub(crate) prefetch_multiplier: usize,
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
    pub(crate) tasks: Vec<TaskSettings>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueSettings {
    name: String,
    exchange: String,
    exchange_type: String,
    routing_key: String,
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
    store_errors_even_if_ignored: bool,
    track_started: bool,
    soft_time_limit: Option<f64>,
    time_limit: Option<f64>,
    rate_limit: Option<String>,
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
        config.priority_order = self.priority_order()?;
        config.eta_park_after = self.eta_park_after.and_then(seconds);
        config.accept_content.clone_from(&self.accept_content);
        config.result_expires = self.result_expires.and_then(seconds);
        config.result_extended = self.result_extended;
        config.connection_retry = self.connection_retry;
        config.connection_max_retries = self.connection_max_retries;
        Ok(config)
    }

    pub(crate) fn priority_order(&self) -> PyResult<PriorityOrder> {
        PriorityOrder::named(&self.priority_order).ok_or_else(|| {
            let given = &self.priority_order;
            PyValueError::new_err(format!(
                "worker_priority_order is {given:?}; write \"celery\" (0 first, as stock workers) or \"high\" (255 first)"
            ))
        })
    }

    pub(crate) fn banner(&self, transport: String) -> Banner {
        let queues = self.queues.iter().map(|queue| QueueLine {
            name: queue.name.clone(),
            exchange: queue.exchange.clone(),
            exchange_type: queue.exchange_type.clone(),
            routing_key: queue.routing_key.clone(),
        });
        let tasks = self.tasks.iter().filter(|task| !task.name.starts_with("celery."));
        let tasks =
            tasks.map(|task| TaskLine { name: task.name.clone(), kind: task.kind().as_str().to_owned() });
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
            tasks: tasks.collect(),
        }
    }
}

impl QueueSettings {
    pub(crate) fn queue(&self) -> Queue {
        Queue::named(&*self.name).bound_to(&*self.exchange, &*self.exchange_type, &*self.routing_key)
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
        spec.store_errors_even_if_ignored = self.store_errors_even_if_ignored;
        spec.track_started = self.track_started;
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
