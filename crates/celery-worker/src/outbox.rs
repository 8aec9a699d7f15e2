//! What tasks publish while they run.
//!
//! Protocol: a task's thread puts publications into a bounded queue without waiting; one task of the runtime sends them
//! in order, many in one round trip, and tries again until the broker has them. Per job it is counted how many are not
//! confirmed yet. The completer holds a job's result and ack back until its count is zero, so that what a task sent is
//! never lost behind an acknowledged message. A publication that the broker refuses for good makes its job fail.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use celery_executor::JobId;
use celery_transport::{Publication, Publisher, Queue};
use tokio::sync::{Notify, mpsc};

use crate::away::{Away, until_answered};

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
    Declare(Box<Queue>),
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

    /// Takes what follows a job that has ended, queues that it needs first. However much waits: it is no task that could
    /// be told to wait.
    pub(crate) fn follow(&self, job: JobId, queues: Vec<Queue>, publications: Vec<Publication>) {
        for queue in queues {
            // Whoever sends outlives whoever completes.
            let _ = self.declare(queue);
        }
        self.0.waiting.fetch_add(publications.len(), Ordering::Relaxed);
        self.pending().entry(job).or_default().count += publications.len();
        for publication in publications {
            let _ = self.0.sender.send(Item::Publish(job, Box::new(publication)));
        }
    }

    /// Declares a queue that a task is about to publish to.
    pub fn declare(&self, queue: Queue) -> Result<(), OutboxError> {
        self.0.sender.send(Item::Declare(Box::new(queue))).map_err(|_| OutboxError::Closed)
    }

    /// Why something that an ended job published was refused for good, if it was; the job is forgotten.
    pub(crate) fn take_refusal(&self, job: JobId) -> Option<String> {
        self.pending().remove(&job).and_then(|entry| entry.refused)
    }

    /// Waits until something more was confirmed.
    pub(crate) async fn confirmed(&self) {
        self.0.confirmed.notified().await;
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<JobId, Pending>> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something that the job published is still on its way.
    pub(crate) fn is_pending(&self, job: JobId) -> bool {
        self.pending().get(&job).is_some_and(|entry| entry.count > 0)
    }

    /// Whether something that the job published was refused for good.
    pub(crate) fn is_refused(&self, job: JobId) -> bool {
        self.pending().get(&job).is_some_and(|entry| entry.refused.is_some())
    }

    fn confirm(&self, job: JobId, refused: Option<String>) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        let mut pending = self.pending();
        if let Some(entry) = pending.get_mut(&job) {
            entry.count -= 1;
            if let Some(reason) = refused {
                tracing::error!("A message that a task sent was refused: {reason}");
                entry.refused = Some(reason);
            }
            if entry.count == 0 && entry.refused.is_none() {
                pending.remove(&job);
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
                    declare(&*publisher, *queue).await;
                }
            }
        }
        send(&outbox, &*publisher, &mut jobs, &mut batch).await;
    }
}

/// Sends a burst and again what the broker could not take, until each publication has its answer.
async fn send(
    outbox: &Outbox,
    publisher: &dyn Publisher,
    jobs: &mut Vec<JobId>,
    batch: &mut Vec<Publication>,
) {
    let mut away = Away::new("publish");
    while !batch.is_empty() {
        let answers = publisher.publish(batch).await;
        let mut again: (Vec<JobId>, Vec<Publication>) = Default::default();
        let mut lost = None;
        for ((job, publication), answer) in jobs.drain(..).zip(batch.drain(..)).zip(answers) {
            match answer {
                Ok(()) => outbox.confirm(job, None),
                Err(error) if error.is_transient() => {
                    again.0.push(job);
                    again.1.push(publication);
                    lost = Some(error);
                }
                Err(error) => outbox.confirm(job, Some(error.to_string())),
            }
        }
        (*jobs, *batch) = again;
        if let Some(error) = lost {
            away.pause(&error).await;
        }
    }
}

async fn declare(publisher: &dyn Publisher, queue: Queue) {
    if let Err(error) = until_answered("declare", || publisher.declare(std::slice::from_ref(&queue))).await {
        tracing::error!("Cannot declare queue {}: {error}", queue.name);
    }
}
