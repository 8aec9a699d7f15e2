//! What runners report, and the way it takes.
//!
//! Protocol: senders push under a mutex that is held for a push only, then store a wake-up permit in a [`Notify`].
//! The one receiver takes the whole vector at once. A permit stored while nobody waits is kept, so no wake is lost:
//! either the receiver sees the pushed event in its next take, or the permit makes its next wait return.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use crate::{JobId, Outcome};

/// What a runner reports.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The job's body starts now. Only for jobs with `report_start`.
    Started {
        /// The job.
        job: JobId,
        /// When.
        at: Instant,
    },
    /// The job has its outcome, which can be stored; its hooks still run, so it keeps its slot until it ends.
    Store {
        /// The job.
        job: JobId,
        /// The outcome to store.
        outcome: Outcome,
    },
    /// The job has ended.
    Ended {
        /// The job.
        job: JobId,
        /// How.
        outcome: Outcome,
    },
}

#[derive(Debug, Default)]
struct Channel {
    events: Mutex<Vec<Event>>,
    notify: Notify,
}

/// The runners' end. Cheap to clone; never blocks.
#[derive(Debug, Clone)]
pub struct EventSender(Arc<Channel>);

/// The executor's end.
#[derive(Debug)]
pub struct EventReceiver(Arc<Channel>);

/// A channel for events.
pub fn events() -> (EventSender, EventReceiver) {
    let channel = Arc::new(Channel::default());
    (EventSender(Arc::clone(&channel)), EventReceiver(channel))
}

impl EventSender {
    /// Reports one event.
    pub fn send(&self, event: Event) {
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        self.0.notify.notify_one();
    }

    /// Reports a burst with one wake-up; `events` is left empty, its memory kept.
    pub fn send_all(&self, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner).append(events);
        self.0.notify.notify_one();
    }
}

impl EventReceiver {
    /// Takes all events into `into`, which must be empty: the vectors are swapped.
    pub(crate) fn take(&self, into: &mut Vec<Event>) {
        std::mem::swap(into, &mut self.0.events.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits for the next event. Cancel-safe.
    pub(crate) async fn wait(&self) {
        self.0.notify.notified().await;
    }
}
