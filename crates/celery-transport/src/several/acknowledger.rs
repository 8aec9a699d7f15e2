//! The settling half over several brokers.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::sync::Notify;

use super::{consumer::unmark, settling::Settling};
use crate::{Acknowledger, DeliveryTag, Parked, Result, Settlement, Statistics};

/// Settles each message where it came from. A broker that is away holds up nobody: what it has to be told waits.
pub(super) struct SeveralAcknowledger(pub(super) Vec<Settling>);

impl SeveralAcknowledger {
    /// The acknowledgers of those brokers that were reached.
    fn reached(&self) -> impl Iterator<Item = &dyn Acknowledger> {
        self.0.iter().filter_map(|settling| settling.slot.acknowledger.get().map(|one| &**one))
    }
}

#[async_trait]
impl Acknowledger for SeveralAcknowledger {
    async fn settle(&self, batch: &[Settlement]) -> Result<()> {
        let mut batches: Vec<Vec<Settlement>> = self.0.iter().map(|_| Vec::new()).collect();
        for settlement in batch {
            let Some((place, tag)) = unmark(settlement.tag()) else { continue };
            if let Some(batch) = batches.get_mut(place) {
                batch.push(with_tag(settlement, tag));
            }
        }
        let settled = self.0.iter().zip(batches).map(|(settling, batch)| settling.settle(batch));
        join_all(settled).await.into_iter().collect()
    }

    /// The longest of theirs, if all of them can.
    fn shortest_parking(&self) -> Option<Duration> {
        let each: Option<Vec<_>> = self.reached().map(Acknowledger::shortest_parking).collect();
        each?.into_iter().max()
    }

    async fn parked(&self, most: usize) -> Result<Vec<Parked>> {
        let mut parked = Vec::new();
        for one in join_all(self.reached().map(|one| one.parked(most))).await {
            match one {
                Err(error) if error.is_transient() => {
                    tracing::debug!("failed to look at what is parked: {error}")
                }
                one => parked.extend(one?),
            }
        }
        parked.sort_by_key(|one| one.due);
        parked.truncate(most);
        Ok(parked)
    }

    fn taken_back(&self) -> Option<Arc<Notify>> {
        self.0.first().map(|settling| Arc::clone(&settling.slot.taken_back))
    }

    fn is_stale(&self, tag: &DeliveryTag) -> bool {
        let Some((place, tag)) = unmark(tag) else { return false };
        let acknowledger = self.0.get(place).and_then(|settling| settling.slot.acknowledger.get());
        acknowledger.is_some_and(|acknowledger| acknowledger.is_stale(&tag))
    }

    fn statistics(&self) -> Statistics {
        self.reached().map(Acknowledger::statistics).fold(Statistics::default(), Statistics::with)
    }

    /// All at once; the first error is told when all are done.
    async fn close(&self) -> Result<usize> {
        let closed = join_all(self.0.iter().map(Settling::close)).await;
        closed.into_iter().sum()
    }
}

fn with_tag(settlement: &Settlement, tag: DeliveryTag) -> Settlement {
    match settlement {
        Settlement::Ack(_) => Settlement::Ack(tag),
        Settlement::Reject(_) => Settlement::Reject(tag),
        Settlement::Requeue(_) => Settlement::Requeue(tag),
        Settlement::Restore(_) => Settlement::Restore(tag),
        Settlement::Park { due, .. } => Settlement::Park { tag, due: *due },
    }
}
