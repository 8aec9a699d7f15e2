//! The queue of one asker.
//!
//! Source: `kombu/pidbox.py: Mailbox.get_reply_queue`, `_collect`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use celery_protocol::Message;
use futures_util::StreamExt;
use lapin::{
    Channel, Consumer,
    options::{BasicConsumeOptions, QueueDeleteOptions},
    types::FieldTable,
};
use tokio::time::timeout;

use super::{declare, failure, link::Link, message, publisher::AmqpPublisher};
use crate::{Asker, ExchangeDeclaration, Publication, Publisher, Queue, Result, Undecodable};

/// A queue of replies, which ends with its consumer.
pub(super) struct AmqpAsker {
    publisher: AmqpPublisher,
    link: Arc<Link>,
    channel: Channel,
    consumer: Consumer,
    queue: Queue,
}

impl AmqpAsker {
    /// Declares `queue`, and consumes from it.
    pub(super) async fn open(link: Arc<Link>, queue: &Queue) -> Result<Self> {
        let publisher = AmqpPublisher::open(Arc::clone(&link)).await?;
        let channel = link.channel().await?;
        let mut queue = queue.clone();
        // The exchange of replies is one that the broker forgets.
        queue.declaration.exchange = ExchangeDeclaration { durable: false, ..ExchangeDeclaration::default() };
        declare::declare(&channel, &link.dialer, std::slice::from_ref(&queue)).await?;
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let name = queue.name.as_str().into();
        let consumer = channel.basic_consume(name, "".into(), options, FieldTable::default()).await;
        let consumer = consumer.map_err(|error| link.dialer.error(&error))?;
        Ok(Self { publisher, link, channel, consumer, queue })
    }
}

#[async_trait]
impl Asker for AmqpAsker {
    /// RabbitMQ does not say how many hear it.
    async fn ask(&mut self, request: &Publication) -> Result<Option<u64>> {
        self.publisher.publish_all(std::slice::from_ref(request)).await?;
        Ok(None)
    }

    async fn replies(&mut self, wait: Duration) -> Result<Vec<Result<Message, Undecodable>>> {
        let mut replies = Vec::new();
        let mut left = wait;
        while let Ok(next) = timeout(left, self.consumer.next()).await {
            match next {
                Some(Ok(delivery)) => replies.push(message::read(delivery)),
                Some(Err(error)) => return Err(failure::lost(self.link.dialer.url(), error)),
                None => return Err(failure::lost(self.link.dialer.url(), "the queue of replies is gone")),
            }
            // And what has come with it.
            left = Duration::ZERO;
        }
        Ok(replies)
    }

    async fn close(&self) -> Result<()> {
        let name = self.queue.name.as_str().into();
        let deleted = self.channel.queue_delete(name, QueueDeleteOptions::default()).await;
        deleted.map(|_| ()).map_err(|error| self.link.dialer.error(&error))
    }
}
