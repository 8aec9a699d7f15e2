//! The end of a task's path: what it published is confirmed, its result stored, its message settled.
//!
//! Protocol: items are taken in bursts. A job whose publications are not confirmed is put aside until they are; every
//! other job of the burst goes on. The message of a task that has ended is settled after its result is stored: a crash
//! between the two makes a late-acknowledged task run again rather than lose its result. Messages that are settled
//! without a result, as those of tasks that start, do not wait for the store. While one burst is on its way the next
//! gathers, so the bursts grow with the load.
//!
//! Round trips per burst: one to store, at the same time one to settle, and one more if tasks ended unacknowledged.
//! Copies per task: the encoded result meta.

use std::sync::Arc;

use celery_executor::{Failure, JobId, Outcome};
use celery_results::{ResultStore, StoreResult};
use celery_scheduler::Clock;
use celery_transport::{Acknowledger, DeliveryTag, Settlement};
use tokio::sync::mpsc;

use crate::in_flight::InFlight;
use crate::intake::{Reason, Refused};
use crate::outbox::{Outbox, Sent, until_answered};
use crate::report::{Reporter, log_ended};

/// What is to be completed.
#[derive(Debug)]
pub(crate) enum Item {
    /// A message to settle, whatever its task does.
    Settle(Settlement),
    /// A state to store before the task has ended.
    Store(StoreResult),
    /// A message that is not run.
    Refused(Box<Refused>),
    /// A task that has ended.
    Ended { job: JobId, in_flight: Box<InFlight>, outcome: Outcome },
}

/// Stores and settles. Runs until the sender of `items` is gone and everything is done.
pub(crate) struct Completer {
    pub(crate) items: mpsc::UnboundedReceiver<Item>,
    pub(crate) results: Option<Arc<dyn ResultStore>>,
    pub(crate) acknowledger: Arc<dyn Acknowledger>,
    pub(crate) outbox: Outbox,
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Burst {
    /// Settled at once.
    settle: Vec<Settlement>,
    store: Vec<StoreResult>,
    /// Settled when the results are stored.
    settle_stored: Vec<Settlement>,
}

type Parked = Vec<(JobId, Box<InFlight>, Outcome)>;

impl Completer {
    pub(crate) async fn run(mut self) {
        const BURST: usize = 512;
        let mut items = Vec::with_capacity(BURST);
        let mut parked: Parked = Vec::new();
        let mut open = true;
        while open || !parked.is_empty() {
            tokio::select! {
                count = self.items.recv_many(&mut items, BURST), if open => open = count > 0,
                () = self.outbox.confirmed(), if !parked.is_empty() => {}
            }
            let mut burst = Burst::default();
            for (job, in_flight, outcome) in std::mem::take(&mut parked) {
                self.end(job, in_flight, outcome, &mut burst, &mut parked);
            }
            for item in items.drain(..) {
                match item {
                    Item::Settle(settlement) => burst.settle.push(settlement),
                    Item::Store(result) => burst.store.push(result),
                    Item::Refused(refused) => self.refuse(refused, &mut burst),
                    Item::Ended { job, in_flight, outcome } => {
                        self.end(job, in_flight, outcome, &mut burst, &mut parked);
                    }
                }
            }
            self.write(burst).await;
        }
    }

    fn refuse(&self, refused: Box<Refused>, burst: &mut Burst) {
        burst.store.extend(self.reporter.refused(&refused, self.clock.now()));
        burst.settle_stored.push(match refused.reason {
            Reason::Unknown => Settlement::Reject(refused.tag),
            _ => Settlement::Ack(refused.tag),
        });
    }

    fn end(
        &self,
        job: JobId,
        in_flight: Box<InFlight>,
        outcome: Outcome,
        burst: &mut Burst,
        parked: &mut Parked,
    ) {
        let outcome = match self.outbox.sent(job) {
            Sent::Confirmed => outcome,
            Sent::Pending => {
                parked.push((job, in_flight, outcome));
                return;
            }
            Sent::Refused(reason) => publication_refused(&reason),
        };
        log_ended(&in_flight, &outcome);
        burst.store.extend(self.reporter.outcome(&in_flight, &outcome, self.clock.now()));
        if !in_flight.acked {
            burst.settle_stored.push(settlement(in_flight.tag.clone(), &in_flight, &outcome));
        }
    }

    async fn write(&self, burst: Burst) {
        tokio::join!(self.settle(&burst.settle), self.store(&burst.store));
        self.settle(&burst.settle_stored).await;
    }

    async fn settle(&self, batch: &[Settlement]) {
        if batch.is_empty() {
            return;
        }
        if let Err(error) = until_answered("acknowledge messages", || self.acknowledger.settle(batch)).await {
            tracing::error!("Cannot acknowledge {} messages: {error}", batch.len());
        }
    }

    async fn store(&self, batch: &[StoreResult]) {
        if let (Some(results), false) = (&self.results, batch.is_empty()) {
            store(&**results, batch).await;
        }
    }
}

/// What becomes of the message of a task that ended unacknowledged (`celery/worker/request.py: on_success, on_failure,
/// on_timeout`).
fn settlement(tag: DeliveryTag, in_flight: &InFlight, outcome: &Outcome) -> Settlement {
    match outcome {
        Outcome::Rejected { requeue: true, .. } => Settlement::Requeue(tag),
        Outcome::Rejected { requeue: false, .. } => Settlement::Reject(tag),
        Outcome::TimedOut { .. } if !in_flight.spec.acks_on_timeout => Settlement::Requeue(tag),
        Outcome::Failed(_) if !in_flight.spec.acks_on_failure => Settlement::Reject(tag),
        _ => Settlement::Ack(tag),
    }
}

fn publication_refused(reason: &str) -> Outcome {
    Outcome::Failed(Failure {
        exc_type: String::from("OperationalError"),
        exc_module: String::from("kombu.exceptions"),
        exc_message: serde_json::json!([reason]).to_string(),
        repr: format!("OperationalError({reason:?})"),
        ..Failure::default()
    })
}

/// Stores a burst, again and again while the store is away.
async fn store(results: &dyn ResultStore, batch: &[StoreResult]) {
    let mut pause = std::time::Duration::from_millis(50);
    let mut said = false;
    while let Err(error) = results.store(batch).await {
        if !error.is_transient() {
            tracing::error!("Cannot store {} results: {error}", batch.len());
            return;
        }
        if !said {
            said = true;
            tracing::warn!("Cannot store results for now, trying again until the store is back: {error}");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(std::time::Duration::from_secs(2));
    }
}
