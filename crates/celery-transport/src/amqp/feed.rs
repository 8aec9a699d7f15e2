//! What comes from one queue: a consumer of AMQP, and how much it may have outstanding.
//!
//! Prefetch is per consumer on every version of RabbitMQ: quorum queues refuse the kind that a channel shares, and
//! RabbitMQ 4 has given it up. The limit of a consumer cannot be changed, so one that turns out too low is cancelled, and
//! another one takes over on the same channel. What the first one was given stays outstanding and does not count for the
//! second.
//!
//! Source: `kombu/transport/pyamqp.py: Transport.qos_semantics_matches_spec`; RabbitMQ, "Consumer Prefetch".

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt};
use lapin::{
    Channel, Consumer,
    message::Delivery,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
};
use serde_json::{Map, Value};

use super::{declare, link::Dialer};
use crate::{Queue, Result};

/// One queue.
pub(super) struct Feed {
    pub(super) queue: Arc<str>,
    /// The highest priority that the queue knows.
    pub(super) most: u8,
    /// `x-priority` and so on.
    arguments: Map<String, Value>,
    /// Of the consumer; a new one has a new number.
    pub(super) number: u32,
    consumer: Option<Consumer>,
    /// 0 for no limit.
    prefetch: u16,
}

impl Feed {
    pub(super) fn new(queue: &Queue) -> Self {
        let most = queue.declaration.arguments.get("x-max-priority").and_then(Value::as_u64);
        Self {
            queue: queue.name.as_str().into(),
            most: most.map_or(0, |most| u8::try_from(most).unwrap_or(u8::MAX)),
            arguments: queue.declaration.consumer_arguments.clone(),
            number: 0,
            consumer: None,
            prefetch: 0,
        }
    }

    /// How much more the broker may deliver.
    pub(super) fn room(&self, outstanding: usize) -> usize {
        match (&self.consumer, self.prefetch) {
            (None, _) => 0,
            (Some(_), 0) => usize::MAX,
            (Some(_), prefetch) => usize::from(prefetch).saturating_sub(outstanding),
        }
    }

    pub(super) fn is_started(&self) -> bool {
        self.consumer.is_some()
    }

    /// Has the broker deliver up to `credit` messages.
    pub(super) async fn start(
        &mut self,
        channel: &Channel,
        dialer: &Dialer,
        number: u32,
        credit: usize,
    ) -> Result<()> {
        // As stock workers: more than fits into the field is no limit.
        let prefetch = u16::try_from(credit).unwrap_or(0);
        channel
            .basic_qos(prefetch, BasicQosOptions { global: false })
            .await
            .map_err(|error| dialer.error(&error))?;
        let arguments = declare::arguments(dialer, &self.queue, &self.arguments)?;
        let tag = format!("celery-oxide.{number}");
        let consumer = channel
            .basic_consume((&*self.queue).into(), tag.into(), BasicConsumeOptions::default(), arguments)
            .await
            .map_err(|error| dialer.error(&error))?;
        (self.consumer, self.prefetch, self.number) = (Some(consumer), prefetch, number);
        Ok(())
    }

    /// Has the broker deliver no more, and gives what was on its way before the broker knew.
    pub(super) async fn stop(&mut self, channel: &Channel, dialer: &Dialer) -> Result<Vec<Delivery>> {
        let Some(mut consumer) = self.consumer.take() else { return Ok(Vec::new()) };
        let cancelled = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await;
        cancelled.map_err(|error| dialer.error(&error))?;
        // It ends with the end of the consumer.
        let mut late = Vec::new();
        while let Some(delivery) = consumer.next().await {
            late.push(delivery.map_err(|error| dialer.error(&error))?);
        }
        Ok(late)
    }

    /// The next delivery; `None` when the consumer is over.
    pub(super) fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<lapin::Result<Delivery>>> {
        match &mut self.consumer {
            Some(consumer) => Pin::new(consumer).poll_next(cx),
            None => Poll::Pending,
        }
    }
}
