//! Which tasks wait for their ETA in the broker rather than here.
//!
//! A task that is due far ahead is given back to the broker with its due time (`Settlement::Park`), which lets go of it a
//! few seconds before; whoever takes it then waits for the rest. So the worker's memory does not grow with what is
//! scheduled, and the task is not tied to the worker that saw it first.
//!
//! Protocol: the engine counts what it hands to the settler, the settler counts what it has done. While too much is under
//! way the engine fetches nothing; the settler wakes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use celery_transport::{Acknowledger, Settlement};
use tokio::sync::Notify;

/// With more than this on its way to the broker nothing is fetched: a flood of far ETAs must not grow faster than it is
/// parked.
const MOST_UNDER_WAY: usize = 4096;

/// The engine's side.
#[derive(Debug)]
pub(crate) struct Parking {
    after: Option<Duration>,
    under_way: Arc<UnderWay>,
}

impl Parking {
    /// Parks what is due later than `after`, and never what the broker would let go at once; `None` parks nothing.
    pub(crate) fn new(after: Option<Duration>, acknowledger: &dyn Acknowledger) -> Self {
        let shortest = acknowledger.shortest_parking();
        let after = after.zip(shortest).map(|(after, shortest)| after.max(shortest));
        Self { after, under_way: Arc::default() }
    }

    /// The settler's side.
    pub(crate) fn under_way(&self) -> Arc<UnderWay> {
        Arc::clone(&self.under_way)
    }

    /// Whether a task that is due at `due` is to be parked.
    pub(crate) fn wants(&self, due: SystemTime, now: SystemTime) -> bool {
        self.after.is_some_and(|after| due.duration_since(now).is_ok_and(|wait| wait > after))
    }

    /// Something is handed to the settler.
    pub(crate) fn begin(&self) {
        self.under_way.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether nothing is to be fetched for the moment.
    pub(crate) fn is_full(&self) -> bool {
        self.under_way.count.load(Ordering::Relaxed) > MOST_UNDER_WAY
    }

    /// Waits until something was parked. Cancel-safe.
    pub(crate) async fn progress(&self) {
        self.under_way.progress.notified().await;
    }
}

/// How much is on its way to the broker.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    count: AtomicUsize,
    progress: Notify,
}

impl UnderWay {
    /// A batch was settled.
    pub(crate) fn settled(&self, batch: &[Settlement]) {
        let parked = batch.iter().filter(|settlement| matches!(settlement, Settlement::Park { .. })).count();
        if parked > 0 {
            self.count.fetch_sub(parked, Ordering::Relaxed);
            self.progress.notify_one();
        }
    }
}
