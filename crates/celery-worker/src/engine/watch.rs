//! Event loops that do not answer, and tasks that go on after they were given up.

use std::time::Duration;

use celery_executor::Kind;
use tokio::time::Instant;

use super::Engine;
use crate::Phase;

/// How often loops with jobs are asked for an answer.
pub(super) const PROBE_EVERY: Duration = Duration::from_millis(500);

/// A loop that has not answered for so long is blocked.
const BLOCKED: Duration = Duration::from_secs(1);

/// What is known of the loops.
#[derive(Debug)]
pub(crate) struct Watch {
    next: Instant,
    blocked: Vec<bool>,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self { next: Instant::now() + PROBE_EVERY, blocked: Vec::new() }
    }
}

impl Engine {
    /// When to look; not while nothing runs.
    pub(super) fn next_watch(&self) -> Option<Instant> {
        (!self.executor.is_idle() || self.executor.stuck() > 0).then_some(self.watch.next)
    }

    /// Says which loops are blocked, once each time, and asks the others for an answer.
    pub(super) fn watch(&mut self) {
        self.watch.next = Instant::now() + PROBE_EVERY;
        let lanes = self.executor.lanes(Kind::Async);
        self.watch.blocked.resize(lanes.len(), false);
        for (index, (lane, was_blocked)) in lanes.iter().zip(&mut self.watch.blocked).enumerate() {
            let lag = lane.health.lag.unwrap_or_default();
            let blocked = lane.running > 0 && lag >= BLOCKED;
            if blocked && !*was_blocked {
                match &self.host {
                    Some(host) => host.blocked(index, lag),
                    None => {
                        tracing::warn!("Event loop {index} has been blocked for {:.1} s", lag.as_secs_f64())
                    }
                }
            }
            *was_blocked = blocked;
        }
        self.executor.probe();
        self.restart_if_stuck();
    }

    /// A task that was given up and does not end keeps its thread, or its place on its loop, for ever. When there are
    /// too many, only a new process helps.
    fn restart_if_stuck(&self) {
        let stuck = self.executor.stuck();
        if self.config.max_stuck.is_some_and(|most| stuck > most) && self.shutdown.phase() < Phase::Warm {
            tracing::error!(
                "{stuck} tasks go on after their hard time limit or their termination: the worker starts again \
                 (worker_max_stuck_tasks)"
            );
            self.shutdown.restart();
        }
    }
}
