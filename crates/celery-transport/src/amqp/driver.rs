//! The driver itself.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{
    acknowledger::AmqpAcknowledger,
    address::Address,
    asker::AmqpAsker,
    consumer::AmqpConsumer,
    declare,
    link::{Dialer, Link},
    options::Options,
    publisher::AmqpPublisher,
    session::Session,
    subscription::AmqpSubscription,
};
use crate::{
    Acknowledger, Asker, Binding, ConnectOptions, Consumer, Error, Publisher, Queue, Result, Subscription,
    Transport,
};

/// A RabbitMQ broker.
///
/// A consumer has a connection of its own; all others share one.
pub struct Amqp {
    dialer: Arc<Dialer>,
    link: Arc<Link>,
}

impl Amqp {
    /// The broker at `url` with `broker_transport_options`; with several URLs, the first that answers. Reads the files with
    /// certificates; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`Error::Url`], [`Error::Option`] and [`Error::Setting`], which name what cannot be used.
    pub fn new(url: &str, options: &ConnectOptions) -> Result<Self> {
        let strategy = options.failover_strategy.as_deref();
        let options = Options::parse(options)?;
        let address = Address::parse(url, strategy, &options)?;
        let dialer = Arc::new(Dialer::new(address, options));
        Ok(Self { link: Arc::new(Link::new(Arc::clone(&dialer))), dialer })
    }
}

impl fmt::Debug for Amqp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Amqp").field(&self.dialer.url()).finish()
    }
}

#[async_trait]
impl Transport for Amqp {
    fn as_uri(&self) -> String {
        self.dialer.url().to_owned()
    }

    async fn consume(&self, queues: &[Queue]) -> Result<(Box<dyn Consumer>, Arc<dyn Acknowledger>)> {
        let session = Arc::new(Session::new(Arc::clone(&self.dialer)));
        let consumer = AmqpConsumer::open(Arc::clone(&session), queues).await?;
        Ok((Box::new(consumer), Arc::new(AmqpAcknowledger(session))))
    }

    async fn publisher(&self) -> Result<Arc<dyn Publisher>> {
        Ok(Arc::new(AmqpPublisher::open(Arc::clone(&self.link)).await?))
    }

    async fn subscribe(&self, exchange: &str, patterns: &[&str]) -> Result<Box<dyn Subscription>> {
        Ok(Box::new(AmqpSubscription::open(Arc::clone(&self.link), exchange, patterns).await?))
    }

    async fn asker(&self, queue: &Queue) -> Result<Box<dyn Asker>> {
        Ok(Box::new(AmqpAsker::open(Arc::clone(&self.link), queue).await?))
    }

    /// AMQP has no question for it (`kombu/transport/base.py: StdChannel.get_bindings`).
    async fn bindings(&self) -> Result<Vec<Binding>> {
        Err(Error::Refused {
            url: self.as_uri(),
            reason: "RabbitMQ tells its bindings to administrators only: run rabbitmqctl list_bindings"
                .to_owned(),
        })
    }

    async fn purge(&self, queue: &Queue) -> Result<u64> {
        declare::purge(&self.link.channel().await?, &self.dialer, &queue.name).await
    }
}
