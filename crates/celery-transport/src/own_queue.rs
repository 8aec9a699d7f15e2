//! Listening and asking on a transport that has nothing of its own for it: with a queue that is made for the occasion.
//!
//! Protocol: a task owns the consumer, hands over what comes and acknowledges it, and removes the queue when nobody wants
//! it any more, or `close` does. So whoever waits may stop at any moment and nothing is lost between the two.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use celery_protocol::{Message, control::glob_matches};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::{
    Acknowledger, Asker, Broadcast, Consumer, Error, Publication, Publisher, Queue, Result, Settlement,
    Subscription, Transport, Undecodable,
};

/// How many messages may wait for whoever takes them; the rest stay in the queue.
const WAITING: usize = 1024;
/// When to try again while the broker is away.
const AGAIN: Duration = Duration::from_secs(1);
/// After how long the broker may forget the queue of a listener that is gone (`event_queue_expires`).
const EXPIRES: Duration = Duration::from_secs(60);

type Came = Result<Message, Undecodable>;

/// A queue of one's own.
pub(crate) struct OwnQueue {
    queue: Queue,
    publisher: Arc<dyn Publisher>,
    came: mpsc::Receiver<Result<Came>>,
    url: String,
}

impl OwnQueue {
    /// Declares `queue` and consumes from it.
    pub(crate) async fn open<T: Transport + ?Sized>(transport: &T, queue: Queue) -> Result<Self> {
        let publisher = transport.publisher().await?;
        let (consumer, acknowledger) = transport.consume(std::slice::from_ref(&queue)).await?;
        let (sender, came) = mpsc::channel(WAITING);
        let feed =
            Feed { consumer, acknowledger, publisher: Arc::clone(&publisher), queue: queue.clone(), sender };
        tokio::spawn(feed.run());
        Ok(Self { queue, publisher, came, url: transport.as_uri() })
    }

    /// A queue for what the fanout exchange `exchange` is given from now on.
    pub(crate) fn of_listener(exchange: &str) -> Queue {
        Queue::named(format!("{exchange}.{}", Uuid::new_v4()))
            .bound_to(exchange, "fanout", "")
            .expiring(EXPIRES)
    }

    /// The next message. Cancel-safe.
    async fn next(&mut self) -> Result<Came> {
        match self.came.recv().await {
            Some(came) => came,
            None => Err(Error::Lost { url: self.url.clone(), reason: "nobody listens any more".to_owned() }),
        }
    }
}

struct Feed {
    consumer: Box<dyn Consumer>,
    acknowledger: Arc<dyn Acknowledger>,
    publisher: Arc<dyn Publisher>,
    queue: Queue,
    sender: mpsc::Sender<Result<Came>>,
}

impl Feed {
    async fn run(mut self) {
        let mut told = false;
        while !self.sender.is_closed() {
            match self.take().await {
                Ok(()) => told = false,
                Err(error) => {
                    let transient = error.is_transient();
                    if !std::mem::replace(&mut told, true) || !transient {
                        let _ = self.sender.send(Err(error)).await;
                    }
                    if !transient {
                        break;
                    }
                    sleep(AGAIN).await;
                }
            }
        }
        let ended = async {
            self.acknowledger.close().await?;
            self.publisher.delete(std::slice::from_ref(&self.queue)).await
        };
        if let Err(error) = ended.await {
            tracing::debug!("the queue {:?} stays until it expires: {error}", self.queue.name);
        }
    }

    /// Hands over what is there, or waits for something.
    async fn take(&mut self) -> Result<()> {
        let deliveries = self.consumer.fetch(WAITING).await?;
        if deliveries.is_empty() {
            return tokio::select! {
                ready = self.consumer.ready() => ready,
                () = self.sender.closed() => Ok(()),
            };
        }
        let mut done = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            done.push(Settlement::Ack(delivery.tag));
            if self.sender.send(Ok(delivery.message)).await.is_err() {
                break;
            }
        }
        self.acknowledger.settle(&done).await
    }
}

/// Listens to a fanout exchange.
pub(crate) struct OwnSubscription {
    pub(crate) own: OwnQueue,
    pub(crate) patterns: Vec<String>,
}

#[async_trait]
impl Subscription for OwnSubscription {
    async fn next(&mut self) -> Result<Broadcast> {
        loop {
            let message = self.own.next().await?;
            let key = message.as_ref().map(|message| &*message.properties.delivery_info.routing_key);
            let key = key.unwrap_or_default().to_owned();
            let wanted = match self.patterns.as_slice() {
                [] => key.is_empty(),
                // `*` and `#` both stand for any text.
                patterns => patterns.iter().any(|pattern| glob_matches(&pattern.replace('#', "*"), &key)),
            };
            if wanted {
                return Ok(Broadcast::new(key, message));
            }
        }
    }
}

/// Takes replies. How many hear a request it does not know.
#[async_trait]
impl Asker for OwnQueue {
    async fn ask(&mut self, request: &Publication) -> Result<Option<u64>> {
        self.publisher.publish_all(std::slice::from_ref(request)).await?;
        Ok(None)
    }

    async fn replies(&mut self, wait: Duration) -> Result<Vec<Came>> {
        let Ok(first) = timeout(wait, self.next()).await else { return Ok(Vec::new()) };
        let mut replies = vec![first?];
        while let Ok(more) = self.came.try_recv() {
            replies.push(more?);
        }
        Ok(replies)
    }

    async fn close(&self) -> Result<()> {
        self.publisher.delete(std::slice::from_ref(&self.queue)).await
    }
}
