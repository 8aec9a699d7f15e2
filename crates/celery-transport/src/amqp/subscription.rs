//! Broadcasts: a queue of the listener's own, bound to the exchange.
//!
//! Source: `kombu/pidbox.py: Mailbox.get_queue`, `celery/events/receiver.py: EventReceiver`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt;
use lapin::{
    Channel, Consumer,
    options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use uuid::Uuid;

use super::{declare, failure, link::Link, message};
use crate::{Broadcast, Result, Subscription};

/// When to try again while the broker is away.
const AGAIN: Duration = Duration::from_secs(1);

/// One exchange.
pub(super) struct AmqpSubscription {
    link: Arc<Link>,
    exchange: String,
    patterns: Vec<String>,
    stream: Option<(Channel, Consumer)>,
    /// It was told that the connection is lost.
    told: bool,
}

impl AmqpSubscription {
    /// Listens to the routing keys of `exchange` that match one of `patterns`.
    pub(super) async fn open(link: Arc<Link>, exchange: &str, patterns: &[&str]) -> Result<Self> {
        // `*` is one word here and any text there.
        let patterns = patterns.iter().map(|pattern| pattern.replace('*', "#")).collect();
        let mut subscription =
            Self { link, exchange: exchange.to_owned(), patterns, stream: None, told: false };
        subscription.listen().await?;
        Ok(subscription)
    }

    async fn listen(&mut self) -> Result<()> {
        let dialer = &self.link.dialer;
        let failed = |error: lapin::Error| dialer.error(&error);
        let mut channel = self.link.channel().await?;
        declare::broadcast(&channel, dialer, &self.exchange).await?;
        // `control_queue_ttl` and `control_queue_expires`, or `event_queue_ttl` and `event_queue_expires`, by default.
        let (node, exchange) = (&dialer.options.client_name, &self.exchange);
        let (mut name, ttl, expires) = if declare::is_pidbox(exchange) && !node.is_empty() {
            (format!("{node}.{exchange}"), 300, 10)
        } else {
            (format!("{exchange}.{}", Uuid::new_v4()), 5, 60)
        };
        let mut arguments = FieldTable::default();
        arguments.insert("x-message-ttl".into(), declare::milliseconds(Duration::from_secs(ttl)));
        arguments.insert("x-expires".into(), declare::milliseconds(Duration::from_secs(expires)));
        let options =
            QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        match channel.queue_declare(name.as_str().into(), options, arguments.clone()).await {
            Ok(_) => {}
            // The name is in use: by a worker that ends, by one whose connection the broker does not know to be dead, or by
            // a namesake. To a broadcast exchange one name is as good as another.
            Err(error) if declare::is_locked(&error) => {
                tracing::warn!("A node named {node} is already using this process mailbox: {name:?}");
                name = format!("{node}.{}.{exchange}", Uuid::new_v4());
                channel = self.link.channel().await?;
                channel.queue_declare(name.as_str().into(), options, arguments).await.map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
        let queue = || name.as_str().into();
        let none = [String::new()];
        let keys = if self.patterns.is_empty() { none.as_slice() } else { &self.patterns };
        for key in keys {
            let (exchange, key) = (exchange.as_str().into(), key.as_str().into());
            let options = QueueBindOptions::default();
            channel
                .queue_bind(queue(), exchange, key, options, FieldTable::default())
                .await
                .map_err(failed)?;
        }
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consumer = channel.basic_consume(queue(), "".into(), options, FieldTable::default()).await;
        self.stream = Some((channel, consumer.map_err(failed)?));
        self.told = false;
        Ok(())
    }
}

#[async_trait]
impl Subscription for AmqpSubscription {
    async fn next(&mut self) -> Result<Broadcast> {
        loop {
            let lost = match &mut self.stream {
                Some((_, consumer)) => match consumer.next().await {
                    Some(Ok(delivery)) => {
                        let key = delivery.routing_key.to_string();
                        return Ok(Broadcast::new(key, message::read(delivery)));
                    }
                    Some(Err(error)) => failure::lost(self.link.dialer.url(), error),
                    None => failure::lost(self.link.dialer.url(), "the queue of broadcasts is gone"),
                },
                None => match self.listen().await {
                    Ok(()) => continue,
                    Err(error) if !error.is_transient() => return Err(error),
                    Err(error) => {
                        if self.told {
                            tokio::time::sleep(AGAIN).await;
                            continue;
                        }
                        error
                    }
                },
            };
            self.stream = None;
            self.told = true;
            return Err(lost);
        }
    }
}
