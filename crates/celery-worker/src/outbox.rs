//! What tasks publish while they run.
//!
//! Protocol: a task's thread puts publications into a bounded queue without waiting; one task of the runtime sends them
//! in order, many in one round trip, and tries again until the broker has them. Per job it is counted how many are not
//! confirmed yet. The completer holds a job's result and ack back until its count is zero, so that what a task sent is
//! never lost behind an acknowledged message. A publication that the broker refuses for good makes its job fail.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use celery_executor::JobId;
use celery_transport::{Publication, Publisher, Queue};
use tokio::sync::{Notify, mpsc};

/// Why a task's publication was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// As many publications wait for the broker as may.
    #[error("the outbox is full: {0} messages wait for the broker to confirm them")]
    Full(usize),
    /// The worker has ended.
    #[error("the worker has shut down")]
    Closed,
}

#[derive(Debug)]
enum Item {
    Publish(JobId, Box<Publication>),
    Declare(Queue),
}

#[derive(Debug, Default)]
struct Pending {
    count: usize,
    refused: Option<String>,
}

#[derive(Debug)]
struct Shared {
    sender: mpsc::UnboundedSender<Item>,
    capacity: usize,
    waiting: AtomicUsize,
    pending: Mutex<HashMap<JobId, Pending>>,
    confirmed: Notify,
}

/// Takes publications from tasks. Cheap to clone; callable from any thread; never blocks.
#[derive(Debug, Clone)]
pub struct Outbox(Arc<Shared>);

/// The sending end, to be run by the worker.
#[derive(Debug)]
pub(crate) struct OutboxReceiver(mpsc::UnboundedReceiver<Item>);

/// What the outbox knows of a job that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// All it published is with the broker.
    Confirmed,
    /// Something is still on its way.
    Pending,
    /// The broker refused something for good.
    Refused(String),
}

impl Outbox {
    pub(crate) fn new(capacity: usize) -> (Self, OutboxReceiver) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let shared = Shared {
            sender,
            capacity,
            waiting: AtomicUsize::new(0),
            pending: Mutex::default(),
            confirmed: Notify::new(),
        };
        (Self(Arc::new(shared)), OutboxReceiver(receiver))
    }

    /// Takes a publication of `job`; in order, and confirmed before the job's result is stored.
    pub fn publish(&self, job: JobId, publication: Publication) -> Result<(), OutboxError> {
        if self.0.waiting.fetch_add(1, Ordering::Relaxed) >= self.0.capacity {
            self.0.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(OutboxError::Full(self.0.capacity));
        }
        self.pending().entry(job).or_default().count += 1;
        self.0.sender.send(Item::Publish(job, Box::new(publication))).map_err(|_| OutboxError::Closed)
    }

    /// Declares a queue that a task is about to publish to.
    pub fn declare(&self, queue: Queue) -> Result<(), OutboxError> {
        self.0.sender.send(Item::Declare(queue)).map_err(|_| OutboxError::Closed)
    }

    pub(crate) fn sent(&self, job: JobId) -> Sent {
        let mut pending = self.pending();
        match pending.get_mut(&job) {
            None => Sent::Confirmed,
            Some(entry) if entry.count > 0 => Sent::Pending,
            Some(_) => match pending.remove(&job).and_then(|entry| entry.refused) {
                Some(reason) => Sent::Refused(reason),
                None => Sent::Confirmed,
            },
        }
    }

    /// Waits until something more was confirmed.
    pub(crate) async fn confirmed(&self) {
        self.0.confirmed.notified().await;
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<JobId, Pending>> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn confirm(&self, jobs: &[JobId], refused: Option<&str>) {
        self.0.waiting.fetch_sub(jobs.len(), Ordering::Relaxed);
        let mut pending = self.pending();
        for job in jobs {
            if let Some(entry) = pending.get_mut(job) {
                entry.count -= 1;
                if let Some(reason) = refused {
                    entry.refused = Some(reason.to_owned());
                }
            }
        }
        drop(pending);
        self.0.confirmed.notify_one();
    }
}

/// Sends what comes until every [`Outbox`] is gone.
pub(crate) async fn run(outbox: Outbox, mut receiver: OutboxReceiver, publisher: Arc<dyn Publisher>) {
    const BURST: usize = 256;
    let mut items = Vec::with_capacity(BURST);
    while receiver.0.recv_many(&mut items, BURST).await > 0 {
        let mut jobs = Vec::new();
        let mut batch = Vec::new();
        for item in items.drain(..) {
            match item {
                Item::Publish(job, publication) => {
                    jobs.push(job);
                    batch.push(*publication);
                }
                Item::Declare(queue) => {
                    send(&outbox, &*publisher, &mut jobs, &mut batch).await;
                    declare(&*publisher, queue).await;
                }
            }
        }
        send(&outbox, &*publisher, &mut jobs, &mut batch).await;
    }
}

async fn send(
    outbox: &Outbox,
    publisher: &dyn Publisher,
    jobs: &mut Vec<JobId>,
    batch: &mut Vec<Publication>,
) {
    if batch.is_empty() {
        return;
    }
    let refused =
        until_answered("publish", || publisher.publish(batch)).await.err().map(|error| error.to_string());
    outbox.confirm(jobs, refused.as_deref());
    jobs.clear();
    batch.clear();
}

async fn declare(publisher: &dyn Publisher, queue: Queue) {
    if let Err(error) = until_answered("declare", || publisher.declare(std::slice::from_ref(&queue))).await {
        tracing::error!("Cannot declare queue {}: {error}", queue.name);
    }
}

/// Repeats `call` while the broker is away, with a growing pause. Said once.
pub(crate) async fn until_answered<T, F>(
    what: &str,
    mut call: impl FnMut() -> F,
) -> celery_transport::Result<T>
where
    F: Future<Output = celery_transport::Result<T>>,
{
    let mut pause = Duration::from_millis(50);
    let mut said = false;
    loop {
        match call().await {
            Err(error) if error.is_transient() => {
                if !said {
                    tracing::warn!("Cannot {what} for now, trying again until the broker is back: {error}");
                    said = true;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            answer => return answer,
        }
    }
}
