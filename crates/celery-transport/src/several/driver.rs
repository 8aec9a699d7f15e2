//! The brokers together.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{
    acknowledger::SeveralAcknowledger, consumer::SeveralConsumer, part::Slot, publisher::SeveralPublisher,
    settling::Settling, subscription::SeveralSubscription,
};
use crate::{Acknowledger, Asker, Binding, Consumer, Publisher, Queue, Result, Subscription, Transport};

/// Several brokers at a time: see the module.
pub struct Several {
    transports: Vec<Arc<dyn Transport>>,
}

impl Several {
    /// `first`, where tasks publish, and `others`.
    pub fn new(first: Box<dyn Transport>, others: impl IntoIterator<Item = Box<dyn Transport>>) -> Self {
        Self { transports: std::iter::once(first).chain(others).map(Arc::from).collect() }
    }
}

impl fmt::Debug for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Several").field(&self.transports).finish()
    }
}

#[async_trait]
impl Transport for Several {
    fn as_uri(&self) -> String {
        let uris: Vec<_> = self.transports.iter().map(|transport| transport.as_uri()).collect();
        uris.join(" and ")
    }

    /// At least one broker has to be reached.
    async fn consume(&self, queues: &[Queue]) -> Result<(Box<dyn Consumer>, Arc<dyn Acknowledger>)> {
        let taken_back = Arc::new(Notify::new());
        let slot = |transport: &Arc<dyn Transport>| Slot::new(Arc::clone(transport), Arc::clone(&taken_back));
        let slots: Vec<_> = self.transports.iter().map(|transport| Arc::new(slot(transport))).collect();
        let consumer = SeveralConsumer::open(&slots, queues).await?;
        let settling = slots.into_iter().map(Settling::spawn).collect();
        Ok((Box::new(consumer), Arc::new(SeveralAcknowledger(settling))))
    }

    /// Nothing is connected before something is published.
    async fn publisher(&self) -> Result<Arc<dyn Publisher>> {
        Ok(Arc::new(SeveralPublisher::new(self.transports.iter().cloned())))
    }

    async fn subscribe(&self, exchange: &str, patterns: &[&str]) -> Result<Box<dyn Subscription>> {
        let subscription = SeveralSubscription::open(&self.transports, self.as_uri(), exchange, patterns);
        Ok(Box::new(subscription.await?))
    }

    /// On the first broker: an answer that is waited for comes from one place.
    async fn asker(&self, queue: &Queue) -> Result<Box<dyn Asker>> {
        self.transports[0].asker(queue).await
    }

    /// Those of all of them.
    async fn bindings(&self) -> Result<Vec<Binding>> {
        let mut bindings = Vec::new();
        for transport in &self.transports {
            bindings.extend(transport.bindings().await?);
        }
        Ok(bindings)
    }

    /// In all of them.
    async fn purge(&self, queue: &Queue) -> Result<u64> {
        let mut count = 0;
        for transport in &self.transports {
            count += transport.purge(queue).await?;
        }
        Ok(count)
    }
}
