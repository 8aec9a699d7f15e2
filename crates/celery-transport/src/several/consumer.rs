//! The fetching half over several brokers.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::{
    part::{Event, Part, Request, Slot},
    patience::PATIENCE,
};
use crate::{Consumer, Delivery, DeliveryTag, Error, Queue, Result};

/// How long the first messages wait for those of the other brokers.
const TOGETHER: Duration = Duration::from_millis(5);

/// One broker as the consumer sees it.
struct Source {
    slot: Arc<Slot>,
    requests: mpsc::UnboundedSender<Request>,
    opened: bool,
    /// It may have messages and was not asked since.
    ready: bool,
    /// It was asked and has not answered.
    asked: bool,
    away: Option<Error>,
    /// What it gave beyond the credit, because it answered after the others had been served.
    more: VecDeque<Delivery>,
}

/// Fetches from all of them.
pub(super) struct SeveralConsumer {
    sources: Vec<Source>,
    events: mpsc::UnboundedReceiver<(usize, Event)>,
    failed: Option<Error>,
    /// Who is served first.
    turn: usize,
}

impl SeveralConsumer {
    /// Opens a consumer on each broker. At least one has to be reached.
    pub(super) async fn open(slots: &[Arc<Slot>], queues: &[Queue]) -> Result<Self> {
        let (events, received) = mpsc::unbounded_channel();
        let mut sources = Vec::with_capacity(slots.len());
        for (place, slot) in slots.iter().enumerate() {
            let (requests, asked) = mpsc::unbounded_channel();
            let (slot, events) = (Arc::clone(slot), events.clone());
            let part =
                Part { place, slot: Arc::clone(&slot), queues: queues.to_vec(), requests: asked, events };
            tokio::spawn(part.run());
            let (opened, ready, asked, away, more) = (false, false, false, None, VecDeque::new());
            sources.push(Source { slot, requests, opened, ready, asked, away, more });
        }
        let mut consumer = Self { sources, events: received, failed: None, turn: 0 };
        let patience = Instant::now() + PATIENCE;
        loop {
            let is_settled = |source: &Source| source.opened || source.away.is_some();
            let opened = consumer.sources.iter().any(|source| source.opened);
            if consumer.failed.is_some() || consumer.sources.iter().all(is_settled) {
                break;
            }
            // Who is not there in time comes later.
            let event = if opened {
                timeout_at(patience, consumer.events.recv()).await.unwrap_or_default()
            } else {
                consumer.events.recv().await
            };
            let Some(event) = event else { break };
            consumer.hear(event);
        }
        match consumer.failed.take().or_else(|| consumer.all_away()) {
            Some(error) => Err(error),
            None => Ok(consumer),
        }
    }

    fn hear(&mut self, (place, event): (usize, Event)) {
        let alone = self.sources.len() == 1;
        let Some(source) = self.sources.get_mut(place) else { return };
        match event {
            Event::Opened => {
                (source.opened, source.ready) = (true, true);
                source.is_back(alone);
            }
            Event::Ready => source.ready = true,
            Event::Fetched(deliveries) => {
                source.asked = false;
                source.is_back(alone);
                source.more.extend(deliveries.into_iter().map(|mut delivery| {
                    delivery.tag = mark(place, &delivery.tag);
                    delivery
                }));
            }
            Event::Away(error) => {
                source.asked = false;
                if source.away.is_none() && !alone {
                    tracing::warn!("consumer: one of several brokers is away, the others go on: {error}");
                }
                source.away = Some(error);
            }
            Event::Failed(error) => self.failed = Some(error),
        }
    }

    /// The error, if no broker can be reached.
    fn all_away(&self) -> Option<Error> {
        let mut errors = self.sources.iter().map(|source| source.away.clone());
        let first = errors.next()?;
        if errors.all(|error| error.is_some()) { first } else { None }
    }

    /// Asks those that may have messages, each for its share.
    fn ask(&mut self, credit: usize) {
        let count = self.sources.len();
        let mut idle: Vec<usize> = (0..count).map(|place| (self.turn + place) % count).collect();
        idle.retain(|place| {
            let source = &self.sources[*place];
            source.ready && !source.asked
        });
        let (mut left, mut parts) = (credit, idle.len());
        for place in idle {
            let share = left.div_ceil(parts);
            if share == 0 {
                return;
            }
            (left, parts) = (left - share, parts - 1);
            let source = &mut self.sources[place];
            (source.ready, source.asked) = (false, source.requests.send(Request::Fetch(share)).is_ok());
        }
    }

    /// Takes what came, by turns.
    fn hand_over(&mut self, credit: usize) -> Vec<Delivery> {
        let count = self.sources.len();
        let came: usize = self.sources.iter().map(|source| source.more.len()).sum();
        let mut deliveries = Vec::with_capacity(credit.min(came));
        let mut parts = count;
        for place in (0..count).map(|place| (self.turn + place) % count) {
            let more = &mut self.sources[place].more;
            let share = (credit - deliveries.len()).div_ceil(parts).min(more.len());
            deliveries.extend(more.drain(..share));
            parts -= 1;
        }
        for source in &mut self.sources {
            let rest = (credit - deliveries.len()).min(source.more.len());
            deliveries.extend(source.more.drain(..rest));
        }
        self.turn = (self.turn + 1) % count.max(1);
        deliveries
    }

    fn has_more(&self) -> bool {
        self.sources.iter().any(|source| !source.more.is_empty())
    }
}

impl Source {
    fn is_back(&mut self, alone: bool) {
        if self.away.take().is_some() && !alone {
            tracing::warn!("consumer: {} is back", self.slot.transport.as_uri());
        }
    }
}

#[async_trait]
impl Consumer for SeveralConsumer {
    async fn fetch(&mut self, credit: usize) -> Result<Vec<Delivery>> {
        if credit == 0 {
            return Ok(Vec::new());
        }
        while let Ok(event) = self.events.try_recv() {
            self.hear(event);
        }
        if !self.has_more() {
            self.ask(credit);
            let mut until = Instant::now() + PATIENCE;
            while self.failed.is_none() && self.sources.iter().any(|source| source.asked) {
                match timeout_at(until, self.events.recv()).await {
                    Ok(Some(event)) => self.hear(event),
                    Ok(None) | Err(_) => break,
                }
                if self.has_more() {
                    until = until.min(Instant::now() + TOGETHER);
                }
            }
        }
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let deliveries = self.hand_over(credit);
        match self.all_away() {
            Some(error) if deliveries.is_empty() => Err(error),
            _ => Ok(deliveries),
        }
    }

    async fn ready(&mut self) -> Result<()> {
        while self.failed.is_none() && !self.has_more() && !self.sources.iter().any(|source| source.ready) {
            let Some(event) = self.events.recv().await else { break };
            self.hear(event);
        }
        Ok(())
    }

    /// While one of them refuses, the others may have changed already.
    async fn consume_from(&mut self, queues: &[Queue]) -> Result<()> {
        let mut answers = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            let (answer, answered) = oneshot::channel();
            if source.requests.send(Request::ConsumeFrom(queues.to_vec(), answer)).is_ok() {
                answers.push(answered);
            }
        }
        let patience = Instant::now() + PATIENCE;
        for answered in answers {
            // Who does not answer changes when it does.
            if let Ok(Ok(changed)) = timeout_at(patience, answered).await {
                changed?;
            }
        }
        Ok(())
    }
}

impl Drop for SeveralConsumer {
    fn drop(&mut self) {
        self.events.close();
        while let Ok(event) = self.events.try_recv() {
            self.hear(event);
        }
        for source in &mut self.sources {
            source.slot.leave(source.more.drain(..).filter_map(|delivery| Some(unmark(&delivery.tag)?.1)));
        }
    }
}

/// Says where a delivery came from.
fn mark(place: usize, tag: &DeliveryTag) -> DeliveryTag {
    DeliveryTag(format!("{place}:{}", tag.0).into())
}

/// Where a delivery came from, and its tag there.
pub(super) fn unmark(tag: &DeliveryTag) -> Option<(usize, DeliveryTag)> {
    let (place, tag) = tag.0.split_once(':')?;
    Some((place.parse().ok()?, DeliveryTag(tag.into())))
}
