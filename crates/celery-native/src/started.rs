//! A worker on its way from its parts to its end.

use celery_executor::EventReceiver;
use celery_worker::{Exit, Phase, Shutdown};

use crate::periodic::{self, Beat};
use crate::{Error, Lanes};

/// A worker that has its threads.
pub(crate) struct Started {
    pub(crate) worker: celery_worker::Worker,
    pub(crate) lanes: Lanes,
    pub(crate) events: EventReceiver,
    /// What sends its periodic tasks.
    pub(crate) beat: Option<Beat>,
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
        let beating = self.beat.map(|beat| tokio::spawn(beat.run()));
        let Lanes { loops, threads } = self.lanes;
        let ended = self.worker.run(loops, threads, self.events).await;
        announcing.abort();
        if let Some(mut beating) = beating {
            if ended.is_ok() {
                // Its own patience is shorter.
                let _ = tokio::time::timeout(2 * periodic::PATIENCE, &mut beating).await;
            }
            beating.abort();
        }
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
            _ => {}
        }
    }
}
