//! What the tests have in common.

use std::time::Duration;

use celery_oxide_tests::rabbitmq::RabbitMq;
use celery_protocol::{Message, Properties};
pub(crate) use celery_transport::contract::support::{acks, names};
use celery_transport::{
    ConnectOptions, Consumer, Delivery, Publication, Queue, Transport, amqp::Amqp,
    contract::support::fetch_across_losses,
};
use serde_json::value::RawValue;
use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};
use uuid::Uuid;

static NODE: OnceCell<RwLock<RabbitMq>> = OnceCell::const_new();

/// The node that all tests share: one takes seconds to start. It ends with the process.
pub(crate) async fn node() -> RwLockReadGuard<'static, RabbitMq> {
    shared().await.read().await
}

/// The same for a test that is going to stop it: it has it for itself.
pub(crate) async fn node_alone() -> RwLockWriteGuard<'static, RabbitMq> {
    shared().await.write().await
}

async fn shared() -> &'static RwLock<RabbitMq> {
    NODE.get_or_init(async || RwLock::new(RabbitMq::start().unwrap())).await
}

pub(crate) fn broker(url: &str) -> Amqp {
    Amqp::new(url, &ConnectOptions::new(serde_json::Map::new(), format!("test@{}", Uuid::new_v4()))).unwrap()
}

pub(crate) fn queue() -> Queue {
    Queue::named(format!("test-{}", Uuid::new_v4()))
}

pub(crate) fn publication(queue: &Queue, name: &str, priority: u8) -> Publication {
    let headers = RawValue::from_string(format!(r#"{{"task": "t", "id": "{name}"}}"#)).unwrap();
    let properties = Properties {
        correlation_id: Some(name.to_owned()),
        priority: Some(priority),
        delivery_mode: Some(2),
        ..Properties::default()
    };
    let message = Message::new(headers, properties, "[[], {}, {}]".into(), "application/json", "utf-8");
    Publication::new("", &*queue.name, message)
}

pub(crate) async fn publish(transport: &dyn Transport, queue: &Queue, names: &[&str]) {
    let batch: Vec<_> = names.iter().map(|name| publication(queue, name, 0)).collect();
    transport.publisher().await.unwrap().publish_all(&batch).await.unwrap();
}

/// Fetches until `count` messages came, also across lost connections. Says how many of those were told.
pub(crate) async fn fetch(consumer: &mut dyn Consumer, count: usize) -> (Vec<Delivery>, usize) {
    fetch_across_losses(consumer, count, Duration::from_secs(60)).await
}
