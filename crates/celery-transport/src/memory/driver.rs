//! The driver itself.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use async_trait::async_trait;

use super::{
    SCHEMES,
    acknowledger::MemoryAcknowledger,
    asker::MemoryAsker,
    broker::{Broker, Load},
    consumer::MemoryConsumer,
    publisher::MemoryPublisher,
    session::Session,
    subscription::MemorySubscription,
};
use crate::{
    Acknowledger, Asker, Binding, ConnectOptions, Consumer, Error, PriorityOrder, Publisher, Queue, Result,
    Subscription, Transport,
};

/// The brokers that have a name. They last as long as the process, so that what a client sends waits for a worker.
static NAMED: LazyLock<Mutex<HashMap<String, Arc<Broker>>>> = LazyLock::new(Mutex::default);

/// A broker within the process. Clones share it.
#[derive(Debug, Clone)]
pub struct Memory {
    broker: Arc<Broker>,
    order: PriorityOrder,
}

impl Memory {
    /// A broker of one's own: it ends with its last clone.
    pub fn new() -> Self {
        Self::of(Broker::new(SCHEMES.to_owned()))
    }

    /// The broker of that name, the same wherever the process asks for it.
    pub fn named(name: &str) -> Self {
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        let broker =
            named.entry(name.to_owned()).or_insert_with(|| Arc::new(Broker::new(format!("{SCHEMES}{name}"))));
        Self { broker: Arc::clone(broker), order: PriorityOrder::default() }
    }

    /// The broker of `memory://name`, with its `worker_priority_order`. Other options do nothing here.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] for one with more in it than a name.
    pub fn at(url: &str, options: &ConnectOptions) -> Result<Self> {
        let name = url.strip_prefix(SCHEMES).unwrap_or(url).trim_end_matches('/');
        if name.contains([';', '/', '?', '@']) {
            let reason = "a broker in memory has a name and nothing else: memory://name".to_owned();
            return Err(Error::Url { url: crate::valkey::hide_password(url), reason });
        }
        for option in options.transport_options.keys() {
            tracing::warn!("broker_transport_options[{option:?}] is not used with {SCHEMES}.");
        }
        Ok(Self::named(name).with_priority_order(options.priority_order))
    }

    fn of(broker: Broker) -> Self {
        Self { broker: Arc::new(broker), order: PriorityOrder::default() }
    }

    /// Has consumers of this value served in another order (`worker_priority_order`).
    #[must_use]
    pub fn with_priority_order(mut self, order: PriorityOrder) -> Self {
        self.order = order;
        self
    }

    /// How much is in the broker.
    pub fn load(&self) -> Load {
        self.broker.load()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Memory> for Arc<dyn Transport> {
    fn from(memory: Memory) -> Self {
        Arc::new(memory)
    }
}

#[async_trait]
impl Transport for Memory {
    fn as_uri(&self) -> String {
        self.broker.url.clone()
    }

    async fn consume(&self, queues: &[Queue]) -> Result<(Box<dyn Consumer>, Arc<dyn Acknowledger>)> {
        let session = Arc::new(Session::new(Arc::clone(&self.broker)));
        let consumer = MemoryConsumer::open(Arc::clone(&session), queues, self.order);
        Ok((Box::new(consumer), Arc::new(MemoryAcknowledger(session))))
    }

    async fn publisher(&self) -> Result<Arc<dyn Publisher>> {
        Ok(Arc::new(MemoryPublisher(Arc::clone(&self.broker))))
    }

    async fn subscribe(&self, exchange: &str, patterns: &[&str]) -> Result<Box<dyn Subscription>> {
        Ok(Box::new(MemorySubscription::open(&self.broker, exchange, patterns)))
    }

    async fn asker(&self, queue: &Queue) -> Result<Box<dyn Asker>> {
        Ok(Box::new(MemoryAsker::open(Arc::clone(&self.broker), queue)))
    }

    async fn bindings(&self) -> Result<Vec<Binding>> {
        Ok(self.broker.bindings())
    }

    async fn purge(&self, queue: &Queue) -> Result<u64> {
        Ok(self.broker.purge(&queue.name) as u64)
    }
}
