//! Settling with one of several brokers, in a task of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use super::{
    part::Slot,
    patience::{LONGEST_PAUSE, PATIENCE, PAUSE},
};
use crate::{Result, Settlement};

/// How long the end waits for what is still to be settled.
const LAST: Duration = Duration::from_secs(2);

struct Job {
    batch: Vec<Settlement>,
    done: oneshot::Sender<Result<()>>,
}

/// Settles in order. What a broker that is away cannot take waits here: never more than what this worker has of it.
pub(super) struct Settling {
    pub(super) slot: Arc<Slot>,
    jobs: mpsc::UnboundedSender<Job>,
    /// Nobody waits for it.
    away: Arc<AtomicBool>,
}

impl Settling {
    pub(super) fn spawn(slot: Arc<Slot>) -> Self {
        let (jobs, taken) = mpsc::unbounded_channel();
        let away = Arc::new(AtomicBool::new(false));
        tokio::spawn(run(Arc::clone(&slot), taken, Arc::clone(&away)));
        Self { slot, jobs, away }
    }

    /// Settles a batch with the tags of the broker, or sees to it that it is settled later.
    pub(super) async fn settle(&self, batch: Vec<Settlement>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let (done, settled) = oneshot::channel();
        // The task ends after this.
        let _ = self.jobs.send(Job { batch, done });
        if self.away.load(Ordering::Acquire) {
            return Ok(());
        }
        match timeout(PATIENCE, settled).await {
            Ok(Ok(settled)) => settled,
            Ok(Err(_)) => Ok(()),
            Err(_) => {
                self.away.store(true, Ordering::Release);
                Ok(())
            }
        }
    }

    /// Waits for what is still to be settled, gives back what was never handed over, and closes.
    pub(super) async fn close(&self) -> Result<usize> {
        let Some(acknowledger) = self.slot.acknowledger.get() else { return Ok(0) };
        let (done, settled) = oneshot::channel();
        if self.jobs.send(Job { batch: Vec::new(), done }).is_ok() {
            let _ = timeout(LAST, settled).await;
        }
        let unstarted: Vec<_> =
            self.slot.take_leftover().into_iter().rev().map(Settlement::Restore).collect();
        if !unstarted.is_empty() {
            acknowledger.settle(&unstarted).await?;
        }
        acknowledger.close().await
    }
}

async fn run(slot: Arc<Slot>, mut jobs: mpsc::UnboundedReceiver<Job>, away: Arc<AtomicBool>) {
    while let Some(Job { batch, done }) = jobs.recv().await {
        let settled = settle(&slot, &batch, &away).await;
        away.store(false, Ordering::Release);
        if let Err(Err(error)) = done.send(settled) {
            tracing::error!("Cannot acknowledge {} messages: {error}", batch.len());
        }
    }
}

/// Settles a batch, again and again while the broker is away.
async fn settle(slot: &Slot, batch: &[Settlement], away: &AtomicBool) -> Result<()> {
    let Some(acknowledger) = slot.acknowledger.get().filter(|_| !batch.is_empty()) else { return Ok(()) };
    let mut pause = PAUSE;
    loop {
        match acknowledger.settle(batch).await {
            Err(error) if error.is_transient() => {
                tracing::debug!("failed to acknowledge {} messages, trying again: {error}", batch.len());
                away.store(true, Ordering::Release);
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            settled => return settled,
        }
    }
}
