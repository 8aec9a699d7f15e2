//! What the consumer and the acknowledger share: the channel that deliveries came on, and what is outstanding on it.
//!
//! Protocol: an acknowledgement belongs to the channel of its delivery. A channel is of one generation, which is part of
//! the delivery's tag. When the channel is lost the broker gives its messages to others, so what is said of an earlier
//! generation later is nothing to anybody. Settlements are sent one batch at a time: an ack with `multiple` must not
//! overtake the rejection of a message that it would cover.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use futures_util::future::join_all;
use lapin::{
    Channel,
    options::{BasicAckOptions, BasicRejectOptions},
};
use tokio::sync::Notify;

use super::{ledger::Ledger, link::Dialer};
use crate::{DeliveryTag, Settlement, counters::Counters};

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) dialer: Arc<Dialer>,
    pub(super) counters: Counters,
    current: Mutex<Current>,
    /// Told of each channel that is lost.
    pub(super) taken_back: Arc<Notify>,
    settling: tokio::sync::Mutex<()>,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Current {
    channel: Option<Channel>,
    ledger: Ledger,
}

impl Session {
    pub(super) fn new(dialer: Arc<Dialer>) -> Self {
        Self {
            dialer,
            counters: Counters::default(),
            current: Mutex::default(),
            taken_back: Arc::default(),
            settling: tokio::sync::Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deliveries come on this channel from now on.
    pub(super) fn begin(&self, channel: Channel) {
        let mut current = self.current();
        current.ledger.begin();
        current.channel = Some(channel);
    }

    /// The channel is lost, and what came on it.
    pub(super) fn end(&self) {
        let mut current = self.current();
        current.ledger.begin();
        current.channel = None;
        drop(current);
        self.taken_back.notify_one();
    }

    /// Whether a delivery is of a channel that was lost.
    pub(super) fn is_stale(&self, tag: &DeliveryTag) -> bool {
        number(&tag.0, self.current().ledger.generation()).is_none()
    }

    /// A delivery has come from `feed`: its tag.
    pub(super) fn receive(&self, number: u64, feed: u32) -> DeliveryTag {
        let mut current = self.current();
        current.ledger.receive(number, feed);
        DeliveryTag(format!("{}.{number}", current.ledger.generation()).into())
    }

    pub(super) fn outstanding(&self, feed: u32) -> usize {
        self.current().ledger.outstanding(feed)
    }

    pub(super) fn held(&self) -> usize {
        self.current().ledger.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Settles a batch. What goes back is sent first, in the order given.
    pub(super) async fn settle(&self, batch: &[Settlement]) {
        let _one_at_a_time = self.settling.lock().await;
        let (mut back, mut done) = (Vec::new(), Vec::new());
        let channel = {
            let mut current = self.current();
            let Some(channel) = current.channel.clone() else { return };
            for settlement in batch {
                let number = number(&settlement.tag().0, current.ledger.generation());
                let Some(number) = number.filter(|number| current.ledger.settle(*number)) else {
                    // Settled before, or of a channel that was lost.
                    continue;
                };
                match settlement {
                    Settlement::Ack(_) => done.push(number),
                    Settlement::Reject(_) => back.push((number, false)),
                    // RabbitMQ puts either where it was, if that place is still there. It cannot park.
                    Settlement::Requeue(_) | Settlement::Restore(_) | Settlement::Park { .. } => {
                        back.push((number, true));
                    }
                }
            }
            channel
        };
        self.counters.settled.add((back.len() + done.len()) as u64);
        self.counters.settlements.add(u64::from(!back.is_empty()) + u64::from(!done.is_empty()));
        // The promises are that the frames are written. A channel that is lost loses them, and the broker knows that.
        join_all(back.iter().map(|(number, requeue)| {
            channel.basic_reject(*number, BasicRejectOptions { requeue: *requeue })
        }))
        .await;
        let acks = self.current().ledger.acks(done);
        let multiple = acks.up_to.map(|number| (number, true));
        let single = acks.single.into_iter().map(|number| (number, false));
        join_all(
            multiple
                .into_iter()
                .chain(single)
                .map(|(number, multiple)| channel.basic_ack(number, BasicAckOptions { multiple })),
        )
        .await;
    }

    /// Closes the channel: the broker takes back what is outstanding. How much that was.
    pub(super) async fn close(&self) -> usize {
        self.closed.store(true, Ordering::Release);
        let _one_at_a_time = self.settling.lock().await;
        let (channel, held) = {
            let mut current = self.current();
            (current.channel.take(), current.ledger.len())
        };
        let Some(channel) = channel else { return 0 };
        if let Err(error) = channel.close(200, "the worker ends".into()).await {
            tracing::debug!("closing a channel: {error}");
        }
        self.end();
        held
    }
}

/// The number of a delivery of this generation.
fn number(tag: &str, generation: u64) -> Option<u64> {
    let (of, number) = tag.split_once('.')?;
    (of.parse() == Ok(generation)).then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn tags_of_earlier_generations_are_stale() {
        assert_eq!(number("3.17", 3), Some(17));
        assert_eq!(number("2.17", 3), None);
        assert_eq!(number("17", 3), None);
        assert_eq!(number("3.x", 3), None);
    }
}
