//! That the worker is there: `worker-online`, `worker-heartbeat`, `worker-offline`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use celery_protocol::event::{EventKind, Number, WorkerStatus};
use tokio::time::{MissedTickBehavior, interval};

use super::Dispatcher;

/// What heartbeats say of the tasks; kept by the engine.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    /// How many run.
    pub(crate) active: AtomicUsize,
    /// How many have been started since the worker was.
    pub(crate) processed: AtomicU64,
}

/// Makes heartbeats (`celery/worker/heartbeat.py: Heart`).
#[derive(Debug, Clone)]
pub(crate) struct Heartbeat {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) gauges: Arc<Gauges>,
    /// `None`: none are sent by themselves.
    pub(crate) every: Option<Duration>,
    pub(crate) software: Software,
}

/// What runs here (`celery/worker/state.py: SOFTWARE_INFO`).
#[derive(Debug, Clone, Default)]
pub struct Software {
    /// `py-celery`, by which monitors know a worker.
    pub ident: String,
    /// The version.
    pub version: String,
    /// The operating system: `Linux`.
    pub system: String,
}

impl Heartbeat {
    /// The worker is there, or there again.
    pub(crate) fn online(&self) {
        if self.every.is_some() {
            self.dispatcher.worker(EventKind::WorkerOnline(self.status()));
        }
    }

    /// The worker goes.
    pub(crate) fn offline(&self) {
        if self.every.is_some() {
            self.dispatcher.worker(EventKind::WorkerOffline(self.status()));
        }
    }

    /// One that was asked for (`celery/worker/control.py: heartbeat`).
    pub(crate) fn asked(&self) {
        let status = WorkerStatus { freq: Some(Number::Int(5)), ..self.software() };
        self.dispatcher.worker(EventKind::WorkerHeartbeat(status));
    }

    /// Sends heartbeats until it is dropped.
    pub(crate) async fn beat(self) {
        let Some(every) = self.every.filter(|_| self.dispatcher.is_enabled()) else { return };
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            self.dispatcher.worker(EventKind::WorkerHeartbeat(self.status()));
        }
    }

    fn status(&self) -> WorkerStatus<'_> {
        WorkerStatus {
            freq: self.every.map(|every| Number::Float(every.as_secs_f64())),
            active: Some(self.gauges.active.load(Ordering::Relaxed) as u64),
            processed: Some(self.gauges.processed.load(Ordering::Relaxed)),
            loadavg: load_average(),
            ..self.software()
        }
    }

    fn software(&self) -> WorkerStatus<'_> {
        let Software { ident, version, system } = &self.software;
        WorkerStatus {
            sw_ident: Some(ident.into()),
            sw_ver: Some(version.into()),
            sw_sys: Some(system.into()),
            ..WorkerStatus::default()
        }
    }
}

/// The load of the machine, rounded as upstream rounds it; `None` where the system has no `/proc/loadavg`.
fn load_average() -> Option<[f64; 3]> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let mut numbers = text.split(' ').map_while(|number| number.parse::<f64>().ok());
    Some([numbers.next()?, numbers.next()?, numbers.next()?])
}
