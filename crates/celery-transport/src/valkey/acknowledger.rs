//! The settling half.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use fred::types::Value;

use super::{
    give_back::{self, Place, give_back},
    lease::Lease,
    parking, script,
};
use crate::{Acknowledger, Parked, Result, Settlement, Statistics};

/// Settles on the connection that is shared with publishing.
pub(super) struct ValkeyAcknowledger(pub(super) Arc<Lease>);

#[async_trait]
impl Acknowledger for ValkeyAcknowledger {
    /// Messages are forgotten before others go back, whatever the order in the batch: nobody can tell the difference.
    async fn settle(&self, batch: &[Settlement]) -> Result<()> {
        let session = &**self.0;
        let (mut done, mut back, mut later) = (Vec::new(), Vec::new(), Vec::new());
        for settlement in batch {
            let tag = &*settlement.tag().0;
            match settlement {
                // A rejected message is forgotten too: kombu's Redis transport has no dead letters.
                Settlement::Ack(_) | Settlement::Reject(_) => done.push(tag),
                Settlement::Requeue(_) => back.push((tag, Place::End)),
                Settlement::Restore(_) => back.push((tag, Place::Unstarted)),
                Settlement::Park { due, .. } => later.push((tag, *due)),
            }
        }
        let round_trips = u64::from(!done.is_empty()) + u64::from(!later.is_empty());
        session.counters.settlements.add(round_trips + give_back::round_trips(back.len()));
        if !done.is_empty() {
            let keys =
                vec![session.keys.unacked.clone(), session.keys.unacked_index.clone(), session.lease.clone()];
            let mut args = vec![Value::from(session.keys.prefix())];
            args.extend(done.iter().map(|tag| Value::from(*tag)));
            session.commands.call(&script::ACK, keys, args).await?;
            session.held.remove(done);
        }
        if !back.is_empty() {
            give_back(session, &session.commands, &session.lease, None, &back).await?;
            session.held.remove(back.iter().map(|(tag, _)| *tag));
        }
        if !later.is_empty() {
            parking::park(session, &later).await?;
            session.held.remove(later.iter().map(|(tag, _)| *tag));
        }
        session.counters.settled.add(batch.len() as u64);
        Ok(())
    }

    fn shortest_parking(&self) -> Option<Duration> {
        Some(parking::SHORTEST)
    }

    async fn parked(&self, most: usize) -> Result<Vec<Parked>> {
        parking::parked(&self.0, most).await
    }

    fn statistics(&self) -> Statistics {
        self.0.counters.read(self.0.held.len(), Some(self.0.options.lease_timeout))
    }

    async fn close(&self) -> Result<usize> {
        self.0.end().await
    }
}
