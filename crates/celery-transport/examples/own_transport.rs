//! A transport of one's own: lists behind a mutex. Where this one locks, yours asks its broker.
//! `tests/own_transport.rs` runs the contract of all transports on it. What is not here comes by the default methods.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use celery_protocol::Message;
use celery_transport::{Acknowledger, Consumer, Delivery, DeliveryTag, Settlement};
use celery_transport::{Publication, Publisher, Queue, Result, Transport};
use tokio::sync::{Mutex, watch};
use uuid::Uuid;

/// The transport. Clones share the lists.
#[derive(Debug, Clone, Default)]
pub struct OwnTransport {
    lists: Arc<Mutex<Lists>>,
    arrived: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Lists {
    declared: HashMap<String, Queue>,
    waiting: HashMap<String, VecDeque<Message>>,
}

#[async_trait]
impl Transport for OwnTransport {
    fn as_uri(&self) -> String {
        "own://".to_owned()
    }

    async fn consume(&self, queues: &[Queue]) -> Result<(Box<dyn Consumer>, Arc<dyn Acknowledger>)> {
        let (own, arrived) = (self.clone(), self.arrived.subscribe());
        let held = Arc::new(Mutex::new(Some(BTreeMap::new())));
        let mut consumer = OwnConsumer { own, arrived, held, queues: Vec::new() };
        consumer.consume_from(queues).await?;
        Ok((Box::new(consumer.clone()), Arc::new(consumer)))
    }

    async fn publisher(&self) -> Result<Arc<dyn Publisher>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Publisher for OwnTransport {
    async fn publish(&self, batch: &[Publication]) -> Vec<Result<()>> {
        let Lists { declared, waiting } = &mut *self.lists.lock().await;
        for sent in batch {
            for queue in declared.values().filter(|queue| queue.takes(&sent.exchange, &sent.routing_key)) {
                waiting.entry(queue.name.clone()).or_default().push_back(sent.addressed());
            }
        }
        self.arrived.send_replace(());
        batch.iter().map(|_| Ok(())).collect()
    }

    async fn declare(&self, queues: &[Queue]) -> Result<()> {
        let queues = queues.iter().map(|queue| (queue.name.clone(), queue.clone()));
        self.lists.lock().await.declared.extend(queues);
        Ok(())
    }

    async fn delete(&self, queues: &[Queue]) -> Result<()> {
        let Lists { declared, waiting } = &mut *self.lists.lock().await;
        declared.retain(|name, _| queues.iter().all(|queue| queue.name != *name));
        waiting.retain(|name, _| queues.iter().all(|queue| queue.name != *name));
        Ok(())
    }
}

/// What is fetched and not settled, with the queue it came from; `None` when the consumer is closed.
type Held = Option<BTreeMap<DeliveryTag, (String, Message)>>;

#[derive(Clone)]
struct OwnConsumer {
    own: OwnTransport,
    arrived: watch::Receiver<()>,
    held: Arc<Mutex<Held>>,
    queues: Vec<String>,
}

#[async_trait]
impl Consumer for OwnConsumer {
    async fn fetch(&mut self, credit: usize) -> Result<Vec<Delivery>> {
        let mut deliveries = Vec::new();
        let Some(held) = &mut *self.held.lock().await else { return Ok(deliveries) };
        let waiting = &mut self.own.lists.lock().await.waiting;
        for name in &self.queues {
            let Some(queue) = waiting.get_mut(name) else { continue };
            for message in queue.drain(..queue.len().min(credit - deliveries.len())) {
                let tag = DeliveryTag(Uuid::now_v7().to_string().into());
                held.insert(tag.clone(), (name.clone(), message.clone()));
                deliveries.push(Delivery::new(tag, name.as_str().into(), Ok(message)));
            }
        }
        if deliveries.len() == credit {
            self.arrived.mark_changed();
        }
        Ok(deliveries)
    }

    async fn ready(&mut self) -> Result<()> {
        self.arrived.changed().await.or(Ok(()))
    }

    async fn consume_from(&mut self, queues: &[Queue]) -> Result<()> {
        self.queues = queues.iter().map(|queue| queue.name.clone()).collect();
        self.arrived.mark_changed();
        self.own.declare(queues).await
    }
}

impl OwnConsumer {
    async fn give_back(&self, held: (String, Message), put: fn(&mut VecDeque<Message>, Message)) {
        let (queue, mut message) = held;
        message.properties.delivery_info.redelivered = Some(true);
        put(self.own.lists.lock().await.waiting.entry(queue).or_default(), message);
        self.own.arrived.send_replace(());
    }
}

#[async_trait]
impl Acknowledger for OwnConsumer {
    async fn settle(&self, batch: &[Settlement]) -> Result<()> {
        for settlement in batch {
            let held = self.held.lock().await.as_mut().and_then(|held| held.remove(settlement.tag()));
            match (held, settlement) {
                // What was settled before is nothing to anybody.
                (None, _) | (_, Settlement::Ack(_) | Settlement::Reject(_)) => {}
                (Some(message), Settlement::Restore(_)) => {
                    self.give_back(message, VecDeque::push_front).await
                }
                (Some(message), _) => self.give_back(message, VecDeque::push_back).await,
            }
        }
        Ok(())
    }

    async fn close(&self) -> Result<usize> {
        let held = self.held.lock().await.take().unwrap_or_default();
        let count = held.len();
        for message in held.into_values().rev() {
            self.give_back(message, VecDeque::push_front).await;
        }
        Ok(count)
    }
}
