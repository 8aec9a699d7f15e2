//! Publishing in batches.
//!
//! Whoever sends hands over messages and waits for the broker's answer; one task takes what has come meanwhile and
//! publishes it in one round trip. So a thousand tasks that are sent at the same time take a few round trips, and one
//! that is sent alone takes one, at once.

use std::{sync::Arc, time::Duration};

use celery_transport::{Publication, Publisher};
use tokio::sync::{mpsc, oneshot};

use crate::{Error, Result};

/// How many messages one round trip carries at most.
const BATCH: usize = 512;
/// How many senders may wait before further ones wait to be taken.
const WAITING: usize = 4096;

/// How a message is sent again when the connection is lost. The waits grow by a factor of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How often at most.
    pub retries: u32,
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    /// For about ten seconds.
    fn default() -> Self {
        Self { retries: 14, first: Duration::from_millis(50), longest: Duration::from_secs(1) }
    }
}

impl RetryPolicy {
    /// A message is sent again up to `retries` times, after `first`, twice that and so on up to `longest`.
    pub fn new(retries: u32, first: Duration, longest: Duration) -> Self {
        Self { retries, first, longest }
    }

    /// The wait before a retry, counted from 0.
    pub(crate) fn wait(&self, retry: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(retry)).min(self.longest)
    }
}

/// The sending end. Clones are cheap.
#[derive(Debug, Clone)]
pub(crate) struct Pump(mpsc::Sender<Parcel>);

/// Messages of one sender, and where the answer goes.
struct Parcel {
    publications: Vec<Publication>,
    answer: oneshot::Sender<Vec<celery_transport::Result<()>>>,
}

impl Pump {
    /// Starts the task that publishes. It ends with the last pump.
    pub(crate) fn start(publisher: Arc<dyn Publisher>, retry: RetryPolicy) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(run(publisher, retry, receiver));
        Self(sender)
    }

    /// Publishes messages in their order. The first error is the answer for all.
    pub(crate) async fn publish(&self, publications: Vec<Publication>) -> Result<()> {
        Ok(self.publish_each(publications).await?.into_iter().collect::<celery_transport::Result<()>>()?)
    }

    /// Publishes messages in their order. An answer for each.
    pub(crate) async fn publish_each(
        &self,
        publications: Vec<Publication>,
    ) -> Result<Vec<celery_transport::Result<()>>> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Parcel { publications, answer }).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)
    }
}

async fn run(publisher: Arc<dyn Publisher>, retry: RetryPolicy, mut parcels: mpsc::Receiver<Parcel>) {
    let mut taken = Vec::new();
    while parcels.recv_many(&mut taken, BATCH).await > 0 {
        let mut batch = Vec::new();
        let mut senders = Vec::with_capacity(taken.len());
        for Parcel { publications, answer } in taken.drain(..) {
            senders.push((publications.len(), answer));
            batch.extend(publications);
        }
        let mut answers = publish(&*publisher, retry, batch).await.into_iter();
        for (count, sender) in senders {
            // A sender that waits no more does not want to know.
            let _ = sender.send(answers.by_ref().take(count).collect());
        }
    }
}

/// Publishes a batch, and again what a lost connection swallowed.
async fn publish(
    publisher: &dyn Publisher,
    retry: RetryPolicy,
    batch: Vec<Publication>,
) -> Vec<celery_transport::Result<()>> {
    let mut answers: Vec<celery_transport::Result<()>> = batch.iter().map(|_| Ok(())).collect();
    // With its place among the answers.
    let mut left: Vec<(usize, Publication)> = batch.into_iter().enumerate().collect();
    for attempt in 0..=retry.retries {
        let mut lost = Vec::new();
        let mut rest = left.into_iter().peekable();
        while rest.peek().is_some() {
            let (places, some): (Vec<usize>, Vec<Publication>) = rest.by_ref().take(BATCH).unzip();
            let answered = publisher.publish(&some).await;
            for ((place, publication), answer) in places.into_iter().zip(some).zip(answered) {
                let transient = answer.as_ref().is_err_and(celery_transport::Error::is_transient);
                answers[place] = answer;
                if transient {
                    lost.push((place, publication));
                }
            }
        }
        if lost.is_empty() || attempt == retry.retries {
            break;
        }
        let wait = retry.wait(attempt);
        tracing::debug!("{} messages are sent again in {wait:?}: the connection was lost", lost.len());
        tokio::time::sleep(wait).await;
        left = lost;
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest() {
        let policy = RetryPolicy::default();
        let waits: Vec<u128> = (0..6).map(|retry| policy.wait(retry).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1000]);
        let total: Duration = (0..policy.retries).map(|retry| policy.wait(retry)).sum();
        assert!((9..12).contains(&total.as_secs()));
    }
}
