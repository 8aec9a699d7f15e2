//! The fetching half.
//!
//! The broker pushes up to the prefetch of each queue's consumer, and a fetch takes from what has come. The prefetch is
//! what the first fetch asks for. It becomes too low when messages are held that the worker does not count any more, as
//! those that wait for their ETA: when for a moment there was less room than half of what is asked for, it is raised.

use std::{
    future::{pending, poll_fn},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use celery_protocol::Message;
use lapin::{Channel, Connection};
use tokio::time::{Instant, sleep_until};

use super::{declare, failure, feed::Feed, message, session::Session};
use crate::{Consumer, Delivery, DeliveryTag, Error, Queue, Result, Settlement, Undecodable};

/// For how long there has to be too little room before the prefetch is raised: longer than acks are on their way.
const SHORT: Duration = Duration::from_millis(20);

/// Fetches on a connection of its own: the broker stops reading from one that publishes when it is short of memory.
pub(super) struct AmqpConsumer {
    session: Arc<Session>,
    queues: Vec<Queue>,
    live: Option<Live>,
    /// Delivered and not asked for yet, first served first.
    came: Vec<Came>,
    /// To be told by the next fetch.
    failure: Option<Error>,
    /// Whose turn it is.
    turn: usize,
    /// Of the last AMQP consumer.
    number: u32,
    short_since: Option<Instant>,
}

struct Live {
    channel: Channel,
    feeds: Vec<Feed>,
    /// Closes when it is dropped.
    _connection: Connection,
}

struct Came {
    tag: DeliveryTag,
    queue: Arc<str>,
    message: Result<Message, Undecodable>,
    rank: u16,
}

impl AmqpConsumer {
    /// Connects, and declares `queues`. Nothing is delivered before the first fetch.
    pub(super) async fn open(session: Arc<Session>, queues: &[Queue]) -> Result<Self> {
        let mut consumer = Self {
            session,
            queues: queues.to_vec(),
            live: None,
            came: Vec::new(),
            failure: None,
            turn: 0,
            number: 0,
            short_since: None,
        };
        consumer.connect().await?;
        Ok(consumer)
    }

    async fn connect(&mut self) -> Result<()> {
        let dialer = &self.session.dialer;
        let connection = dialer.open("consuming").await?;
        let channel = connection.create_channel().await.map_err(|error| dialer.error(&error))?;
        declare::declare(&channel, dialer, &self.queues).await?;
        self.session.begin(channel.clone());
        let feeds = self.queues.iter().map(Feed::new).collect();
        self.live = Some(Live { channel, feeds, _connection: connection });
        Ok(())
    }

    /// The channel is lost: what came on it is delivered again, to whomever.
    fn lose(&mut self, error: Error) {
        self.session.end();
        self.live = None;
        self.came.clear();
        self.short_since = None;
        if self.failure.is_none() && !self.session.is_closed() {
            self.failure = Some(error);
        }
    }

    /// Takes in what has been delivered.
    fn collect(&mut self, cx: &mut Context<'_>) {
        let mut lost = None;
        if let Some(live) = &mut self.live {
            let count = live.feeds.len();
            'feeds: for step in 0..count {
                let feed = &mut live.feeds[(self.turn + step) % count];
                while let Poll::Ready(next) = feed.next(cx) {
                    match next {
                        Some(Ok(delivery)) => {
                            let came = take(&self.session, feed, delivery);
                            self.came.push(came);
                        }
                        Some(Err(error)) => {
                            lost = Some(self.session.dialer.error(&error));
                            break 'feeds;
                        }
                        None => {
                            let reason = format!("queue {:?} was deleted, or its node is down", feed.queue);
                            lost = Some(failure::lost(self.session.dialer.url(), reason));
                            break 'feeds;
                        }
                    }
                }
            }
            self.turn = (self.turn + 1) % count.max(1);
        }
        if let Some(error) = lost {
            // What ended the channel is no refusal of what is asked next.
            let error = match error {
                Error::Refused { url, reason } => Error::Lost { url, reason },
                other => other,
            };
            self.lose(error);
        }
    }

    /// Takes in what is delivered until `enough` says so.
    async fn collect_until(&mut self, enough: impl Fn(&Self) -> bool) {
        poll_fn(|cx| {
            self.collect(cx);
            if enough(self) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Has the broker deliver up to `credit` more where it may not.
    async fn make_room(&mut self, credit: usize) -> Result<()> {
        let Some(live) = &mut self.live else { return Ok(()) };
        let dialer = &self.session.dialer;
        let short =
            |session: &Session, feed: &Feed| feed.room(session.outstanding(feed.number)) < credit.div_ceil(2);
        let mut is_short = false;
        for feed in &mut live.feeds {
            if !feed.is_started() {
                self.number += 1;
                feed.start(&live.channel, dialer, self.number, credit).await?;
            } else if credit > 0 && short(&self.session, feed) {
                is_short = true;
            }
        }
        let now = Instant::now();
        let since = self.short_since.take().unwrap_or(now);
        if is_short && now.duration_since(since) < SHORT {
            self.short_since = Some(since);
        } else if is_short {
            for feed in &mut live.feeds {
                if short(&self.session, feed) {
                    let late = feed.stop(&live.channel, dialer).await?;
                    self.came.extend(late.into_iter().map(|delivery| take(&self.session, feed, delivery)));
                    self.number += 1;
                    feed.start(&live.channel, dialer, self.number, credit).await?;
                }
            }
        }
        Ok(())
    }

    /// Asks for exactly these queues on a live channel.
    async fn change(&mut self, queues: &[Queue]) -> Result<()> {
        let Some(live) = &mut self.live else { return Ok(()) };
        let dialer = &self.session.dialer;
        // On a channel of its own: a refusal closes the channel.
        let probe = live._connection.create_channel().await.map_err(|error| dialer.error(&error))?;
        declare::declare(&probe, dialer, queues).await?;
        let wanted = |feed: &Feed| queues.iter().any(|queue| *queue.name == *feed.queue);
        // What was not handed over goes back.
        let mut back = Vec::new();
        let (kept, gone): (Vec<Feed>, Vec<Feed>) = live.feeds.drain(..).partition(wanted);
        live.feeds = kept;
        for mut feed in gone {
            for delivery in feed.stop(&live.channel, dialer).await? {
                back.push(self.session.receive(delivery.delivery_tag, feed.number));
            }
            back.extend(self.came.extract_if(.., |came| came.queue == feed.queue).map(|came| came.tag));
        }
        for queue in queues {
            if !live.feeds.iter().any(|feed| *feed.queue == *queue.name) {
                live.feeds.push(Feed::new(queue));
            }
        }
        let back: Vec<_> = back.into_iter().map(Settlement::Restore).collect();
        self.session.settle(&back).await;
        Ok(())
    }
}

fn take(session: &Session, feed: &Feed, delivery: lapin::message::Delivery) -> Came {
    let tag = session.receive(delivery.delivery_tag, feed.number);
    let message = message::read(delivery);
    // A queue without priorities is first in, first out. One with them takes more than it knows for the most.
    let priority = message.as_ref().ok().and_then(|message| message.properties.priority);
    let priority = priority.unwrap_or(0).min(feed.most);
    Came { tag, queue: Arc::clone(&feed.queue), message, rank: u16::from(u8::MAX - priority) }
}

#[async_trait]
impl Consumer for AmqpConsumer {
    async fn fetch(&mut self, credit: usize) -> Result<Vec<Delivery>> {
        if self.live.is_some() && credit > 0 {
            self.collect(&mut Context::from_waker(Waker::noop()));
        }
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if credit == 0 || self.queues.is_empty() || self.session.is_closed() {
            return Ok(Vec::new());
        }
        if self.live.is_none() {
            self.connect().await?;
            self.session.counters.reconnects.add(1);
        }
        self.session.counters.fetches.add(1);
        self.came.sort_by_key(|came| came.rank);
        let count = credit.min(self.came.len());
        let came: Vec<_> = self.came.drain(..count).collect();
        if let Err(error) = self.make_room(credit - count).await {
            self.lose(error.clone());
            self.failure = None;
            return Err(error);
        }
        self.session.counters.fetched.add(count as u64);
        let delivery = |came: Came| Delivery::new(came.tag, came.queue, came.message).with_rank(came.rank);
        Ok(came.into_iter().map(delivery).collect())
    }

    async fn ready(&mut self) -> Result<()> {
        if self.queues.is_empty() || self.session.is_closed() {
            return pending().await;
        }
        let Some(live) = self.live.as_ref().filter(|_| self.failure.is_none()) else { return Ok(()) };
        // Nothing is delivered before a fetch says how much is wanted.
        if live.feeds.iter().any(|feed| !feed.is_started()) {
            return Ok(());
        }
        // Nothing comes where there is no room, and who waits here wants something: a fetch makes room if that lasts.
        if live.feeds.iter().any(|feed| feed.room(self.session.outstanding(feed.number)) == 0) {
            self.short_since.get_or_insert_with(Instant::now);
        }
        let short = self.short_since.map(|since| since + SHORT);
        tokio::select! {
            () = self.collect_until(|consumer| !consumer.came.is_empty() || consumer.live.is_none()) => {}
            () = async { match short { Some(end) => sleep_until(end).await, None => pending().await } } => {}
        }
        if self.session.is_closed() {
            return pending().await;
        }
        Ok(())
    }

    async fn consume_from(&mut self, queues: &[Queue]) -> Result<()> {
        match self.change(queues).await {
            Ok(()) => {}
            // They are declared when it is back.
            Err(error) if error.is_transient() => self.lose(error),
            Err(error) => return Err(error),
        }
        self.queues = queues.to_vec();
        Ok(())
    }

    async fn lost(&mut self) {
        if self.live.is_some() {
            self.collect_until(|consumer| consumer.live.is_none()).await;
        }
        // What is known to be lost is told only once, and a consumer that was closed loses nothing.
        if self.failure.is_none() {
            pending().await
        }
    }
}
