//! Where a job's thread puts its events.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use celery_executor::{Event, EventSender};

/// Events of one thread. On an event loop they are gathered, and sent with one wake of the engine per burst; on a
/// `def` thread each is sent at once.
#[derive(Debug, Clone)]
pub(crate) struct Sink(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sender: EventSender,
    gathers: bool,
    gathered: Mutex<Vec<Event>>,
    flush_due: AtomicBool,
}

impl Sink {
    /// A sink that sends at once.
    pub(crate) fn direct(sender: EventSender) -> Self {
        Self::new(sender, false)
    }

    /// A sink that gathers until [`flush`](Self::flush).
    pub(crate) fn gathering(sender: EventSender) -> Self {
        Self::new(sender, true)
    }

    fn new(sender: EventSender, gathers: bool) -> Self {
        let inner = Inner { sender, gathers, gathered: Mutex::default(), flush_due: AtomicBool::new(false) };
        Self(Arc::new(inner))
    }

    /// Sends an event that must not wait for the end of a burst.
    pub(crate) fn send_now(&self, event: Event) {
        self.0.sender.send(event);
    }

    /// Sends or gathers an event. Returns whether the caller has to see to a flush.
    pub(crate) fn send(&self, event: Event) -> bool {
        if !self.0.gathers {
            self.0.sender.send(event);
            return false;
        }
        self.0.gathered.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        !self.0.flush_due.swap(true, Ordering::AcqRel)
    }

    /// Marks that a flush will come by itself, so that nobody else sees to one.
    pub(crate) fn expect_flush(&self) {
        self.0.flush_due.store(true, Ordering::Release);
    }

    /// Sends what was gathered.
    pub(crate) fn flush(&self) {
        self.0.flush_due.store(false, Ordering::Release);
        let mut gathered = self.0.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.sender.send_all(&mut gathered);
    }
}
