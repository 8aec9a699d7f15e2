//! Where events are gathered.
//!
//! Protocol: whoever has an event encodes it into a shared buffer under a mutex that is held for that only, and stores a
//! wake-up permit. One task ([`send`](super::send)) takes the whole buffer at once and publishes it, so that while one
//! batch is on its way the next gathers. A permit that is stored while nobody waits is kept, so no event is left
//! without a wake. What does not fit while the broker is away is dropped, the newest first, and counted.
//!
//! Per event: one encoding into the buffer, no other allocation; with events off, one load of an atomic.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use celery_protocol::event::{Event, EventKind, Number};
use celery_scheduler::Clock;
use tokio::sync::Notify;

use crate::LamportClock;

/// The most bytes of task events that wait for the broker.
const MOST_BYTES: usize = 16 << 20;

/// The most events of workers that wait for the broker.
const MOST_SINGLES: usize = 64;

/// Who sends events.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The node name.
    pub(crate) hostname: String,
    /// The exchange of events.
    pub(crate) exchange: String,
    /// Hours by which local time is behind UTC (`celery/utils/time.py: utcoffset`).
    pub(crate) utcoffset: Number,
}

/// What waits to be sent.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Events of tasks: a JSON list without its closing bracket.
    pub(super) tasks: Vec<u8>,
    /// Events of workers, each a message of its own: its type and its JSON.
    pub(super) singles: Vec<(String, Vec<u8>)>,
    dropped: u64,
}

#[derive(Debug)]
struct Shared {
    origin: Origin,
    clock: Arc<dyn Clock>,
    lamport: LamportClock,
    /// Whether events of tasks are sent.
    tasks: AtomicBool,
    /// Whether anything is sent at all.
    enabled: bool,
    waiting: Mutex<Waiting>,
    more: Notify,
    closed: AtomicBool,
}

/// Takes events. Cheap to clone; never blocks.
#[derive(Debug, Clone)]
pub(crate) struct Dispatcher(Arc<Shared>);

impl Dispatcher {
    /// `enabled` is whether anything is sent, `tasks` whether events of tasks are, from the start.
    pub(crate) fn new(
        origin: Origin,
        enabled: bool,
        tasks: bool,
        clock: Arc<dyn Clock>,
        lamport: LamportClock,
    ) -> Self {
        Self(Arc::new(Shared {
            origin,
            clock,
            lamport,
            tasks: AtomicBool::new(tasks),
            enabled,
            waiting: Mutex::default(),
            more: Notify::new(),
            closed: AtomicBool::new(false),
        }))
    }

    /// Whether anything is sent.
    pub(crate) fn is_enabled(&self) -> bool {
        self.0.enabled
    }

    /// Whether events of tasks are sent.
    pub(crate) fn sends_tasks(&self) -> bool {
        self.0.tasks.load(Ordering::Relaxed)
    }

    /// Turns events of tasks on or off. Returns whether that changed anything.
    pub(crate) fn send_tasks(&self, on: bool) -> bool {
        self.0.tasks.swap(on, Ordering::Relaxed) != on
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// Sends an event of a task, if those are sent.
    pub(crate) fn task(&self, kind: EventKind<'_>) {
        if !self.sends_tasks() {
            return;
        }
        let mut waiting = self.lock();
        if waiting.tasks.len() > MOST_BYTES {
            waiting.dropped += 1;
            return;
        }
        let before: &[u8] = if waiting.tasks.is_empty() { b"[" } else { b", " };
        waiting.tasks.extend_from_slice(before);
        self.event(kind).write(&mut waiting.tasks);
        drop(waiting);
        self.0.more.notify_one();
    }

    /// Sends an event of the worker itself.
    pub(crate) fn worker(&self, kind: EventKind<'_>) {
        if !self.is_enabled() {
            return;
        }
        let name = kind.name().to_owned();
        let mut waiting = self.lock();
        // An old heartbeat is of no use to anybody.
        if waiting.singles.len() < MOST_SINGLES {
            let encoded = self.event(kind).encode();
            waiting.singles.push((name, encoded));
        }
        drop(waiting);
        self.0.more.notify_one();
    }

    fn event<'a>(&'a self, kind: EventKind<'a>) -> Event<'a> {
        let origin = &self.0.origin;
        let timestamp = self.0.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let mut event = Event::new(origin.hostname.as_str(), kind, timestamp);
        event.utcoffset = Some(origin.utcoffset);
        event.pid = Some(i64::from(std::process::id()));
        event.clock = Some(self.0.lamport.forward());
        event
    }

    /// No more events come: the sender ends when it has sent what waits.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.more.notify_one();
    }

    /// Waits until there is something to send; `None` once it is closed and empty.
    pub(super) async fn next(&self) -> Option<Waiting> {
        loop {
            let waiting = std::mem::take(&mut *self.lock());
            if waiting.dropped > 0 {
                tracing::warn!("{} events were dropped: the broker does not take them", waiting.dropped);
            }
            if !waiting.tasks.is_empty() || !waiting.singles.is_empty() {
                return Some(waiting);
            }
            if self.0.closed.load(Ordering::Acquire) {
                return None;
            }
            self.0.more.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use celery_protocol::event::{TaskStarted, decode_all};
    use celery_scheduler::ManualClock;

    use super::*;

    fn dispatcher(tasks: bool) -> Dispatcher {
        let origin =
            Origin { hostname: "w1@h".to_owned(), exchange: "celeryev".to_owned(), utcoffset: 0.into() };
        let clock = Arc::new(ManualClock::at_unix(1.5));
        Dispatcher::new(origin, true, tasks, clock, LamportClock::at(7))
    }

    fn started(uuid: &str) -> EventKind<'_> {
        EventKind::TaskStarted(TaskStarted { uuid: uuid.into() })
    }

    #[tokio::test]
    async fn events_of_tasks_gather_in_one_list() {
        let dispatcher = dispatcher(true);
        dispatcher.task(started("a"));
        dispatcher.task(started("b"));
        let mut waiting = dispatcher.next().await.expect("two events");
        waiting.tasks.push(b']');
        let events = decode_all(&waiting.tasks).expect("a batch");
        assert_eq!(events.iter().map(|event| event.clock).collect::<Vec<_>>(), [Some(8), Some(9)]);
        assert_eq!((events[0].timestamp, &*events[0].hostname), (1.5, "w1@h"));
        dispatcher.close();
        assert!(dispatcher.next().await.is_none());
    }

    #[tokio::test]
    async fn events_are_turned_on_and_off() {
        let dispatcher = dispatcher(false);
        dispatcher.task(started("a"));
        assert!(dispatcher.send_tasks(true) && !dispatcher.send_tasks(true));
        dispatcher.task(started("b"));
        assert!(dispatcher.send_tasks(false));
        dispatcher.task(started("c"));
        let waiting = dispatcher.next().await.expect("one event");
        let text = String::from_utf8(waiting.tasks).expect("text");
        assert!(
            text.contains("\"uuid\": \"b\"") && !text.contains("\"a\"") && !text.contains("\"c\""),
            "{text}"
        );
    }
}
