//! What the tests have in common.

use std::time::{Duration, Instant};

use celery_protocol::{Message, Properties};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{Acknowledger, Consumer, Delivery, Publication, Publisher, Queue, Settlement, Statistics};

/// The longest that anything may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A queue that nobody else has.
pub(super) fn queue() -> Queue {
    Queue::named(format!("contract-{}", Uuid::new_v4()))
}

/// A message with `name` for its id.
pub(super) fn message(name: &str) -> Message {
    let headers =
        format!(r#"{{"task": "t", "id": "{name}", "retries": 0, "eta": null, "timelimit": [null, 1.5]}}"#);
    let properties = Properties {
        correlation_id: Some(name.to_owned()),
        delivery_mode: Some(2),
        priority: Some(0),
        ..Properties::default()
    };
    let body = format!(r#"[["{name}"], {{}}, {{}}]"#).into_bytes();
    Message::new(
        RawValue::from_string(headers).unwrap(),
        properties,
        body.into(),
        "application/json",
        "utf-8",
    )
}

/// The same for `queue`, through the default exchange.
pub(super) fn publication(queue: &Queue, name: &str) -> Publication {
    Publication::new("", &*queue.name, message(name))
}

/// Publishes one message for each name.
pub(super) async fn publish(publisher: &dyn Publisher, queue: &Queue, names: &[&str]) {
    let batch: Vec<_> = names.iter().map(|name| publication(queue, name)).collect();
    publisher.publish_all(&batch).await.unwrap();
}

/// The names of the messages: what their producer gave for `correlation_id`.
pub fn names(deliveries: &[Delivery]) -> Vec<String> {
    let name =
        |delivery: &Delivery| delivery.message.as_ref().unwrap().properties.correlation_id.clone().unwrap();
    deliveries.iter().map(name).collect()
}

/// The same in alphabetical order.
pub(super) fn sorted(deliveries: &[Delivery]) -> Vec<String> {
    let mut names = names(deliveries);
    names.sort();
    names
}

pub(super) fn is_redelivered(delivery: &Delivery) -> bool {
    delivery.message.as_ref().unwrap().properties.delivery_info.redelivered == Some(true)
}

/// Acknowledges them all.
pub fn acks(deliveries: &[Delivery]) -> Vec<Settlement> {
    deliveries.iter().map(|delivery| Settlement::Ack(delivery.tag.clone())).collect()
}

/// So many are held, if the transport counts them.
pub(super) fn assert_held(acknowledger: &dyn Acknowledger, count: u64) {
    let statistics = acknowledger.statistics();
    if statistics != Statistics::default() {
        assert_eq!(statistics.held, count);
    }
}

/// Fetches until `count` messages came, as a worker does.
pub(super) async fn fetch(consumer: &mut dyn Consumer, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    let end = Instant::now() + PATIENCE;
    while deliveries.len() < count {
        assert!(Instant::now() < end, "only {} of {count} messages came", deliveries.len());
        let more = consumer.fetch(count - deliveries.len()).await.unwrap();
        if more.is_empty() {
            let _ = tokio::time::timeout(Duration::from_secs(1), consumer.ready()).await;
        }
        deliveries.extend(more);
    }
    deliveries
}

/// Fetches until `count` messages came, also across lost connections. Says how many losses were told.
pub async fn fetch_across_losses(
    consumer: &mut dyn Consumer,
    count: usize,
    patience: Duration,
) -> (Vec<Delivery>, usize) {
    let (mut deliveries, mut losses, mut last) = (Vec::new(), 0, None);
    let end = Instant::now() + patience;
    while deliveries.len() < count {
        assert!(Instant::now() < end, "only {} of {count} messages came; {last:?}", deliveries.len());
        match consumer.fetch(count - deliveries.len()).await {
            Ok(more) if more.is_empty() => {
                let _ = tokio::time::timeout(Duration::from_secs(1), consumer.ready()).await;
            }
            Ok(more) => deliveries.extend(more),
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                losses += 1;
                last = Some(error);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    (deliveries, losses)
}

/// Whether nothing comes while a message for another queue passes: the broker has had its chance.
pub(super) async fn nothing_comes(consumer: &mut dyn Consumer) -> bool {
    for _ in 0..3 {
        if !consumer.fetch(9).await.unwrap().is_empty() {
            return false;
        }
        let _ = tokio::time::timeout(Duration::from_millis(50), consumer.ready()).await;
    }
    true
}
