//! Whether anything goes on in a worker, for tests that turn its clock.
//!
//! Protocol: who asks is answered by the engine after a fetch that began later, so what was in the queues before is counted.
//! Nothing goes on when no task runs or waits for a slot, and everything that has ended is stored, sent and settled. What
//! a task published came into the queues before that: who asks sees at the broker whether anything did.

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use tokio::sync::{mpsc, oneshot};

use super::{Ask, Engine};

/// What goes on in a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// Tasks run, or what they have left is under way.
    Busy,
    /// Nothing, until there are other messages or it is time for what waits.
    Idle {
        /// How many tasks wait here for their ETA or their rate limit.
        waiting: usize,
        /// When it is time for the first of them.
        next_due: Option<SystemTime>,
    },
}

/// Asks a worker what goes on in it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Probe(pub(crate) mpsc::Sender<Ask>);

impl Probe {
    /// What goes on, after a look at the clock and at the queues; `None` once the worker has ended.
    pub async fn activity(&self) -> Option<Activity> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Ask::Activity(answer)).await.ok()?;
        answered.await.ok()
    }
}

impl Engine {
    pub(super) fn activity(&self) -> Activity {
        let next_due = self.next_due();
        let due = next_due.is_some_and(|due| due <= self.clock.now());
        let uncompleted = self.backlog.load(Ordering::Acquire) > 0 || !self.early.is_empty();
        let queued = self.kinds.iter().any(|kind| self.executor.load(*kind).waiting > 0);
        if due || uncompleted || queued || !self.executor.is_idle() {
            return Activity::Busy;
        }
        Activity::Idle { waiting: self.later.len() + self.rates.waiting().count(), next_due }
    }
}
