//! The traits that every driver implements.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use celery_protocol::Message;
use tokio::sync::Notify;

use crate::{
    Asker, Binding, Delivery, DeliveryTag, Error, Parked, Queue, Result, Settlement, Statistics,
    Subscription,
    own_queue::{OwnQueue, OwnSubscription},
};

/// How many messages are taken at once to be thrown away.
const PURGED_AT_ONCE: usize = 256;

/// A broker. Cheap to make: nothing is connected before a consumer or a publisher is opened.
///
/// A transport of your own needs [`consume`](Self::consume) and [`publisher`](Self::publisher); the others stand on those. The feature `contract` has the tests that it should pass, and
/// `examples/own_transport` one of less than 150 lines.
#[async_trait]
pub trait Transport: Send + Sync + std::fmt::Debug {
    /// The broker URL as shown to people: the password hidden.
    fn as_uri(&self) -> String;

    /// Declares and binds `queues` and opens a consumer on them.
    ///
    /// Fails at once, rather than waiting, when the broker cannot be reached: the caller backs off.
    async fn consume(&self, queues: &[Queue]) -> Result<(Box<dyn Consumer>, Arc<dyn Acknowledger>)>;

    /// Opens a publisher.
    async fn publisher(&self) -> Result<Arc<dyn Publisher>>;

    /// Listens to the fanout exchange `exchange`, from when this returns. `patterns` are the routing keys that are wanted,
    /// where `*` and `#` stand for any text: `task.*`, `#`; none for messages without a routing key. A message that
    /// several patterns match may come once for each.
    ///
    /// A transport that has nothing of its own for it consumes from a queue that is bound to the exchange and ends with the
    /// subscription.
    async fn subscribe(&self, exchange: &str, patterns: &[&str]) -> Result<Box<dyn Subscription>> {
        let own = OwnQueue::open(self, OwnQueue::of_listener(exchange)).await?;
        let patterns = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        Ok(Box::new(OwnSubscription { own, patterns }))
    }

    /// Declares `queue`, which is to take replies, and has them told: see [`Mailbox`](crate::Mailbox).
    ///
    /// A transport that has nothing of its own for it consumes from the queue.
    async fn asker(&self, queue: &Queue) -> Result<Box<dyn Asker>> {
        Ok(Box::new(OwnQueue::open(self, queue.clone()).await?))
    }

    /// All bindings of queues to exchanges that the broker knows of, sorted (`celery list bindings`). A broker that does
    /// not tell refuses.
    async fn bindings(&self) -> Result<Vec<Binding>> {
        Err(Error::Refused { url: self.as_uri(), reason: "it does not tell its bindings".to_owned() })
    }

    /// Empties `queue` and returns how many messages were in it (`celery purge`).
    ///
    /// A transport that has nothing of its own for it fetches and acknowledges until nothing is there.
    async fn purge(&self, queue: &Queue) -> Result<u64> {
        let (mut consumer, acknowledger) = self.consume(std::slice::from_ref(queue)).await?;
        let mut count = 0;
        loop {
            let deliveries = consumer.fetch(PURGED_AT_ONCE).await?;
            if deliveries.is_empty() {
                break;
            }
            count += deliveries.len() as u64;
            let acks: Vec<_> = deliveries.into_iter().map(|delivery| Settlement::Ack(delivery.tag)).collect();
            acknowledger.settle(&acks).await?;
        }
        acknowledger.close().await?;
        Ok(count)
    }
}

/// The fetching half of a consumer. One task owns it.
#[async_trait]
pub trait Consumer: Send {
    /// Takes up to `credit` messages that are there now; none is a normal answer. One round trip.
    ///
    /// Not cancel-safe: run it to its end, or what it took comes back only when the worker's lease ends.
    /// After an [`Error::Lost`](crate::Error::Lost), call it again: the driver reconnects by itself, and first
    /// delivers what an earlier, interrupted fetch took and could not hand over.
    async fn fetch(&mut self, credit: usize) -> Result<Vec<Delivery>>;

    /// Waits until [`fetch`](Self::fetch) may find something: a push to one of the queues, a reconnection. Returns
    /// at once when a message may have come since the last fetch. Cancel-safe. May wake for nothing.
    async fn ready(&mut self) -> Result<()>;

    /// Consumes from exactly these queues from the next fetch on (`add_consumer`, `cancel_consumer`). New ones are declared
    /// and bound; what is held of the others stays held and is settled as ever. None at all is no error: then nothing
    /// comes.
    ///
    /// Fails only when the broker refuses one of them, and then changes nothing. While the broker is away they are
    /// declared when it is back.
    async fn consume_from(&mut self, queues: &[Queue]) -> Result<()>;

    /// Waits, while nothing is wanted, until the broker has taken back what this consumer holds; a fetch, of nothing too,
    /// then says why. Cancel-safe. For ever where what is held outlives a connection.
    async fn lost(&mut self) {
        std::future::pending().await
    }
}

/// The settling half of a consumer. Shared.
#[async_trait]
pub trait Acknowledger: Send + Sync {
    /// Settles a batch: what is forgotten in one round trip, what goes back in the order given. Idempotent: a batch whose fate is unknown (an
    /// [`Error::Lost`](crate::Error::Lost)) may be given again.
    async fn settle(&self, batch: &[Settlement]) -> Result<()>;

    /// Whether the broker keeps messages for later ([`Settlement::Park`]): `None` if not, otherwise how far ahead one has to
    /// be due for that to be of use.
    fn shortest_parking(&self) -> Option<Duration> {
        None
    }

    /// The messages that are parked, whoever did it, earliest first and not more than `most`.
    async fn parked(&self, most: usize) -> Result<Vec<Parked>> {
        let _ = most;
        Ok(Vec::new())
    }

    /// Is notified when the broker has taken deliveries back, as RabbitMQ does when a connection is lost:
    /// [`is_stale`](Self::is_stale) says which. `None` where what is held outlives a connection.
    fn taken_back(&self) -> Option<Arc<Notify>> {
        None
    }

    /// Whether the broker has taken this delivery back: it is delivered again, to whomever, and what is said of it here is
    /// nothing any more. Cheap: nobody is asked.
    fn is_stale(&self, tag: &DeliveryTag) -> bool {
        let _ = tag;
        false
    }

    /// What this consumer has done. Cheap: nobody is asked. One that does not count says nothing but zeros.
    fn statistics(&self) -> Statistics {
        Statistics::default()
    }

    /// Ends the consumer: gives back whatever it still holds (first to be served, as kombu does at shutdown) and drops
    /// its lease. Returns how many messages were given back.
    async fn close(&self) -> Result<usize>;
}

/// Sends messages.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Sends a batch in order, in one round trip where the broker allows it. Returns one answer for each publication,
    /// in their order: whether the broker has it.
    async fn publish(&self, batch: &[Publication]) -> Vec<Result<()>>;

    /// Sends a batch of which all is wanted: the first error is the answer for all.
    async fn publish_all(&self, batch: &[Publication]) -> Result<()> {
        self.publish(batch).await.into_iter().collect()
    }

    /// Declares and binds queues, so that what is published to their exchange reaches them.
    async fn declare(&self, queues: &[Queue]) -> Result<()>;

    /// Removes queues with their bindings and whatever is in them. One that does not exist is no error.
    async fn delete(&self, queues: &[Queue]) -> Result<()>;
}

/// What becomes of a message that no queue takes. A broker that makes a queue of whatever is pushed to one does not ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Unroutable {
    /// It is dropped, and the log says so.
    #[default]
    Warn,
    /// It is dropped without a word: the answer to one who may be gone.
    Forget,
    /// The queue that it names is declared as Celery does for a bare name ([`Queue::named`]), and it is sent again: a task
    /// may be sent before the first worker starts (`celery/app/amqp.py: send_task_message`, `declare`). Of an exchange
    /// nobody knows which queue to declare: as [`Warn`](Self::Warn).
    Declare,
}

/// A message and where it goes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Publication {
    /// The exchange; empty for the default exchange, whose routing key is the name of a queue.
    pub exchange: String,
    /// `direct`, `topic` or `fanout`. A broker that keeps exchanges itself does not ask; on Valkey a fanout exchange is a
    /// pub/sub channel and every other one is looked up in its bindings.
    pub exchange_type: String,
    /// The routing key.
    pub routing_key: String,
    /// The message.
    pub message: Message,
    /// Which of [several](crate::Several) brokers it goes to: 0 is the first, or the only one. A fanout exchange is on all
    /// of them.
    pub broker: usize,
    /// What becomes of it when there is no queue for it.
    pub unroutable: Unroutable,
}

impl Publication {
    /// `message` to the direct exchange `exchange` with `routing_key`.
    pub fn new(exchange: impl Into<String>, routing_key: impl Into<String>, message: Message) -> Self {
        Self {
            exchange: exchange.into(),
            exchange_type: String::from("direct"),
            routing_key: routing_key.into(),
            message,
            broker: 0,
            unroutable: Unroutable::Warn,
        }
    }

    /// The message as whoever consumes it is to see it: with the exchange and the routing key that it was sent with.
    pub fn addressed(&self) -> Message {
        let mut message = self.message.clone();
        message.properties.delivery_info.exchange.clone_from(&self.exchange);
        message.properties.delivery_info.routing_key.clone_from(&self.routing_key);
        message
    }

    /// Says which of several brokers it goes to: the one whose command it answers.
    #[must_use]
    pub fn to_broker(mut self, broker: usize) -> Self {
        self.broker = broker;
        self
    }

    /// Says what becomes of it when there is no queue for it.
    #[must_use]
    pub fn when_unroutable(mut self, unroutable: Unroutable) -> Self {
        self.unroutable = unroutable;
        self
    }

    /// Says that the exchange is of another type: events and broadcasts go to `fanout` exchanges.
    #[must_use]
    pub fn of_type(mut self, exchange_type: impl Into<String>) -> Self {
        self.exchange_type = exchange_type.into();
        self
    }
}
