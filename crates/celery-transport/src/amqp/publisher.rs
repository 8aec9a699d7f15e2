//! Sending messages, each confirmed by the broker.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use futures_util::future::join_all;
use lapin::{
    Channel, Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};

use super::{declare, failure, link::Link, message};
use crate::{Error, Publication, Publisher, Queue, Result, Unroutable};

/// Publishes on the connection that everything but consuming shares.
pub(super) struct AmqpPublisher {
    link: Arc<Link>,
    channel: tokio::sync::Mutex<Option<Channel>>,
    /// Exchanges that are known to be there, on the channel that there is.
    known: Mutex<HashSet<String>>,
}

impl AmqpPublisher {
    /// A publisher whose channel is open.
    pub(super) async fn open(link: Arc<Link>) -> Result<Self> {
        let publisher = Self { link, channel: tokio::sync::Mutex::new(None), known: Mutex::default() };
        publisher.channel().await?;
        Ok(publisher)
    }

    fn url(&self) -> &str {
        self.link.dialer.url()
    }

    fn error(&self, error: &lapin::Error) -> Error {
        self.link.dialer.error(error)
    }

    /// The channel, opened again if it was lost.
    async fn channel(&self) -> Result<Channel> {
        let mut shared = self.channel.lock().await;
        if let Some(channel) = shared.as_ref().filter(|channel| channel.status().connected()) {
            return Ok(channel.clone());
        }
        let channel = self.link.channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(|error| self.error(&error))?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *shared = Some(channel.clone());
        Ok(channel)
    }

    /// Makes sure that the exchange of a publication is there: to publish to one that is not would close the channel, and
    /// with it lose what else is on its way. Those for events, commands and replies are declared, as kombu does.
    async fn ensure(&self, publication: &Publication) -> Result<()> {
        let name = publication.exchange.as_str();
        let known = |known: &HashSet<String>| known.contains(name);
        if name.is_empty() || known(&self.known.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        let dialer = &self.link.dialer;
        if declare::is_reply(name) {
            declare::replies(&self.link.channel().await?, dialer, name).await?;
        } else {
            let channel = self.link.channel().await?;
            let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
            let kind = lapin::ExchangeKind::Direct;
            match channel.exchange_declare(name.into(), kind, options, FieldTable::default()).await {
                Ok(()) => {}
                Err(error) if declare::is_missing(&error) && publication.exchange_type == "fanout" => {
                    declare::broadcast(&self.link.channel().await?, dialer, name).await?;
                }
                Err(error) => return Err(dialer.error(&error)),
            }
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        Ok(())
    }

    async fn send(&self, channel: &Channel, publication: &Publication) -> Result<()> {
        if self.try_send(channel, publication).await? {
            return Ok(());
        }
        let (exchange, key) = (&publication.exchange, &publication.routing_key);
        if publication.unroutable == Unroutable::Declare && exchange.is_empty() {
            self.declare(&[Queue::named(key.as_str())]).await?;
            if self.try_send(channel, publication).await? {
                return Ok(());
            }
        }
        // As on a stock worker, which does not notice.
        tracing::warn!(
            "a message was dropped: no queue is bound to exchange {exchange:?} with routing key {key:?}"
        );
        Ok(())
    }

    /// Sends a message. `false` when it came back because no queue takes it.
    async fn try_send(&self, channel: &Channel, publication: &Publication) -> Result<bool> {
        let refused = |reason: String| Error::Refused { url: self.url().to_owned(), reason };
        let properties = message::properties(publication).map_err(refused)?;
        // Broadcasts and replies are for whoever listens at the moment.
        let mandatory = publication.unroutable != Unroutable::Forget
            && publication.exchange_type != "fanout"
            && !declare::is_reply(&publication.exchange);
        let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
        let (exchange, key) = (publication.exchange.as_str(), publication.routing_key.as_str());
        let (Ok(to), Ok(with)) =
            (lapin::types::ShortString::try_new(exchange), lapin::types::ShortString::try_new(key))
        else {
            return Err(refused(
                "an exchange or a routing key is longer than the 255 bytes that AMQP allows".to_owned(),
            ));
        };
        let confirm = channel.basic_publish(to, with, options, &publication.message.body, properties).await;
        let confirmation = match confirm {
            Ok(confirm) => confirm.await,
            Err(error) => Err(error),
        };
        match confirmation.map_err(|error| self.error(&error))? {
            Confirmation::Nack(_) => Err(failure::lost(
                self.url(),
                format!(
                    "the broker did not take a message for exchange {exchange:?} with routing key {key:?} (basic.nack): \
                     a queue may be full"
                ),
            )),
            Confirmation::Ack(Some(_)) => Ok(false),
            Confirmation::Ack(None) | Confirmation::NotRequested => Ok(true),
        }
    }
}

#[async_trait]
impl Publisher for AmqpPublisher {
    async fn publish(&self, batch: &[Publication]) -> Vec<Result<()>> {
        let channel = match self.channel().await {
            Ok(channel) => channel,
            Err(error) => return batch.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut ensured = Vec::with_capacity(batch.len());
        for publication in batch {
            ensured.push(self.ensure(publication).await);
        }
        // Each is written when it is first polled, so they go out in their order.
        join_all(batch.iter().zip(ensured).map(async |(publication, ensured)| {
            ensured?;
            self.send(&channel, publication).await
        }))
        .await
    }

    async fn declare(&self, queues: &[Queue]) -> Result<()> {
        // On a channel of its own: a refusal closes the channel.
        declare::declare(&self.link.channel().await?, &self.link.dialer, queues).await
    }

    async fn delete(&self, queues: &[Queue]) -> Result<()> {
        let channel = self.link.channel().await?;
        for queue in queues {
            let deleted =
                channel.queue_delete(queue.name.as_str().into(), QueueDeleteOptions::default()).await;
            deleted.map_err(|error| self.error(&error))?;
        }
        Ok(())
    }
}
