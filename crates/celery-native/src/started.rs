//! A worker on its way from its parts to its end.

use celery_executor::EventReceiver;
use celery_worker::{Exit, Phase, Shutdown};

use crate::{Error, Lanes};

/// A worker that has its threads.
pub(crate) struct Started {
    pub(crate) worker: celery_worker::Worker,
    pub(crate) lanes: Lanes,
    pub(crate) events: EventReceiver,
    pub(crate) shutdown: Shutdown,
}

impl Started {
    /// What asks it whether anything goes on.
    #[cfg(feature = "testing")]
    pub(crate) fn probe(&self) -> celery_worker::Probe {
        self.worker.probe()
    }

    pub(crate) async fn run(self) -> Result<Exit, Error> {
        let announcing = tokio::spawn(announce(self.shutdown));
        let Lanes { loops, threads } = self.lanes;
        let ended = self.worker.run(loops, threads, self.events).await;
        announcing.abort();
        Ok(ended?.exit)
    }
}

/// Says how far a shutdown is, as Celery's signal handlers do (`celery/apps/worker.py: _shutdown_handler`).
async fn announce(shutdown: Shutdown) {
    let mut phases = shutdown.phases();
    while phases.changed().await.is_ok() {
        match *phases.borrow_and_update() {
            Phase::Warm => tracing::warn!("worker: Warm shutdown (MainProcess)"),
            Phase::Cold => tracing::warn!("worker: Cold shutdown (MainProcess)"),
            Phase::Starting | Phase::Ready | Phase::Soft => {}
        }
    }
}
