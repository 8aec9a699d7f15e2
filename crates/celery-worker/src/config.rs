//! What a worker is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use celery_executor::{Kind, Limits};
use celery_protocol::json::RawJson;
use celery_scheduler::{RateLimit, Zone};
use celery_transport::{PriorityOrder, Queue};

pub use crate::events::Software;
use crate::follow::Following;

/// The settings of a worker. Names follow Celery's settings where there is one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The node name: `celery@host`.
    pub hostname: String,
    /// The queues to consume from.
    pub queues: Vec<Queue>,
    /// The tasks this worker can run. A job's task number is the index here.
    pub tasks: Vec<TaskSpec>,
    /// `worker_prefetch_multiplier`: messages held per slot; 0 means as many as come.
    pub prefetch_multiplier: usize,
    /// `worker_priority_order`: which lists of a queue are served first. The transport has to be told as well.
    pub priority_order: PriorityOrder,
    /// `worker_disable_prefetch`: nothing is held that has no slot; a task counts until it has ended.
    pub disable_prefetch: bool,
    /// `worker_eta_task_limit`: how many tasks may wait here for their ETA. With so many nothing is fetched.
    pub eta_task_limit: Option<usize>,
    /// `timezone`: the zone in which results say when they were done.
    pub zone: Zone,
    /// How many messages may be held beyond one kind's prefetch credit to find work for the other kind.
    pub look_ahead: usize,
    /// `worker_eta_park_after`: a task that is due later than this waits in the broker, where that can keep it; `None`: in the
    /// worker, as with stock ones. Less than [`Acknowledger::shortest_parking`](celery_transport::Acknowledger) counts as
    /// that.
    pub eta_park_after: Option<Duration>,
    /// `accept_content` as content types. A message of another type is refused.
    pub accept_content: Vec<String>,
    /// `result_expires`; `None` keeps results for ever.
    pub result_expires: Option<Duration>,
    /// `result_extended`: results carry name, arguments, worker, retries and queue.
    pub result_extended: bool,
    /// `broker_connection_retry`: whether a lost or missing broker is tried again.
    pub connection_retry: bool,
    /// `broker_connection_max_retries`; `None` tries for ever.
    pub connection_max_retries: Option<u32>,
    /// How many publications may wait to be confirmed before publishing from a task raises.
    pub outbox_capacity: usize,
    /// The queues that are known besides those consumed from: `add_consumer` finds their exchange here.
    pub known_queues: Vec<Queue>,
    /// Queues as `active_queues` shows them, by name; those that are not here are shown by what a [`Queue`] says.
    pub queue_details: HashMap<String, RawJson>,
    /// `worker_enable_remote_control`: whether commands are listened to.
    pub remote_control: bool,
    /// `control_exchange`: the namespace of commands and replies, `celery`.
    pub control_namespace: String,
    /// `worker_send_task_events`: whether events of tasks are sent from the start.
    pub task_events: bool,
    /// `event_exchange`.
    pub event_exchange: String,
    /// Seconds between heartbeats; `None` sends none (`--without-heartbeat`).
    pub heartbeat: Option<Duration>,
    /// Whether revoked tasks and the clock are asked of the other workers at the start (not `--without-mingle`).
    pub mingle: bool,
    /// Whether the heartbeats of other workers are listened to (not `--without-gossip`).
    pub gossip: bool,
    /// What runs here, as heartbeats say it.
    pub software: Software,
    /// Hours by which local time is behind UTC, as events say it (`celery/utils/time.py: utcoffset`).
    pub utcoffset: f64,
    /// How many revoked ids are remembered (`CELERY_WORKER_REVOKES_MAX`).
    pub revokes_max: usize,
    /// How long a revoked id is remembered (`CELERY_WORKER_REVOKE_EXPIRES`).
    pub revoke_expires: Duration,
    /// `worker_soft_shutdown_timeout`: how long a cold shutdown lets tasks run on.
    pub soft_shutdown_timeout: Duration,
    /// `worker_enable_soft_shutdown_on_idle`: whether it waits as long when nothing runs.
    pub soft_shutdown_on_idle: bool,
    /// With more tasks than this that go on after they were given up, the worker starts again; `None` never does.
    pub max_stuck: Option<usize>,
    /// Whether the `repr` of return values is wanted for the log.
    pub log_values: bool,
    /// What is known of sending tasks; without it the host sends what follows a task.
    pub following: Option<Arc<Following>>,
}

impl Config {
    /// Celery's defaults, for `hostname`, `queues` and `tasks`.
    pub fn new(hostname: impl Into<String>, queues: Vec<Queue>, tasks: Vec<TaskSpec>) -> Self {
        Self {
            hostname: hostname.into(),
            queues,
            tasks,
            prefetch_multiplier: 4,
            disable_prefetch: false,
            eta_task_limit: None,
            zone: Zone::default(),
            priority_order: PriorityOrder::Celery,
            look_ahead: 256,
            eta_park_after: Some(Duration::from_secs(60)),
            accept_content: vec![String::from("application/json")],
            result_expires: Some(Duration::from_secs(86_400)),
            result_extended: false,
            connection_retry: true,
            connection_max_retries: Some(100),
            outbox_capacity: 10_000,
            known_queues: Vec::new(),
            queue_details: HashMap::new(),
            remote_control: true,
            control_namespace: String::from("celery"),
            task_events: false,
            event_exchange: String::from("celeryev"),
            heartbeat: Some(Duration::from_secs(2)),
            mingle: true,
            gossip: true,
            software: Software {
                ident: String::from("celery-oxide"),
                version: String::from(env!("CARGO_PKG_VERSION")),
                system: String::from("Linux"),
            },
            utcoffset: 0.0,
            revokes_max: 50_000,
            revoke_expires: Duration::from_secs(10_800),
            soft_shutdown_timeout: Duration::ZERO,
            soft_shutdown_on_idle: false,
            max_stuck: Some(64),
            log_values: true,
            following: None,
        }
    }
}

/// A registered task.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskSpec {
    /// The registered name.
    pub name: Arc<str>,
    /// Which pool it runs in.
    pub kind: Kind,
    /// `acks_late`: acknowledged after it ended rather than when it starts.
    pub acks_late: bool,
    /// `acks_on_failure`: whether a late task that failed is acknowledged (or else rejected).
    pub acks_on_failure: bool,
    /// `acks_on_timeout`: whether a late task that passed its hard limit is acknowledged (or else requeued).
    pub acks_on_timeout: bool,
    /// `ignore_result`; a message may ask for it too.
    pub ignore_result: bool,
    /// Whether a message that says so wants a result in spite of `ignore_result`, as from Celery 5.6 on.
    pub message_decides: bool,
    /// `store_errors_even_if_ignored`.
    pub store_errors_even_if_ignored: bool,
    /// `track_started`: the state STARTED is stored.
    pub track_started: bool,
    /// `soft_time_limit` and `time_limit`, unless the message says otherwise.
    pub limits: Limits,
    /// `rate_limit`: how many of these tasks this worker starts per second.
    pub rate_limit: Option<RateLimit>,
    /// `send_events`: whether monitors are told of this task.
    pub send_events: bool,
    /// Whether the [`Host`](crate::Host) concludes a task that ends without having run to its end: its backend is the
    /// host's, or hooks and signals of the host have to be called.
    pub concluded_by_host: bool,
    /// Whether what follows it when it succeeds can be sent from here ([`Following`]). The program that runs it says so of
    /// each outcome: [`Success::follow`](celery_executor::Success).
    pub follows: bool,
}

impl TaskSpec {
    /// Whether nobody wants the result of a message with this `ignore_result` header
    /// (`celery/app/task.py: get_actual_ignore_result`; before Celery 5.6 either could say so).
    pub fn ignores(&self, message: Option<bool>) -> bool {
        match message {
            Some(ignored) if self.message_decides => ignored,
            _ => self.ignore_result || message.unwrap_or_default(),
        }
    }

    /// A task with Celery's defaults.
    pub fn new(name: impl Into<Arc<str>>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            acks_late: false,
            acks_on_failure: true,
            acks_on_timeout: true,
            ignore_result: false,
            message_decides: false,
            store_errors_even_if_ignored: false,
            track_started: false,
            limits: Limits::default(),
            rate_limit: None,
            send_events: true,
            concluded_by_host: false,
            follows: false,
        }
    }
}
