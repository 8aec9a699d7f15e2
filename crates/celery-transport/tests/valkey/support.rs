//! What the tests have in common.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use celery_transport::contract::support::acks;
use celery_transport::{
    Acknowledger, ConnectOptions, Consumer, Delivery, Queue, Transport,
    contract::support::fetch_across_losses, valkey::Valkey,
};
use fred::{
    prelude::{Client, ClientLike, HashesInterface, KeysInterface, ListInterface},
    types::Value as Reply,
};
use serde_json::{Value, json};

use celery_valkey::test_server::Server;

/// Captured from Celery 5.7.0 and kombu 5.7.0: `add.delay(1, 2)`.
pub(crate) const TASK: &str = include_str!("captured/task.json");

/// The driver with `options` as `broker_transport_options`.
pub(crate) fn broker(url: &str, options: Value) -> Valkey {
    let Value::Object(options) = options else { panic!("an object is needed") };
    Valkey::new(url, &ConnectOptions::new(options, "celery@test")).unwrap()
}

pub(crate) type Halves = (Box<dyn Consumer>, Arc<dyn Acknowledger>);

/// A consumer of `queues`.
pub(crate) async fn consume(server: &Server, queues: &[&str], options: Value) -> Halves {
    let queues: Vec<_> = queues.iter().map(|name| Queue::named(*name)).collect();
    broker(&server.url(), options).consume(&queues).await.unwrap()
}

/// A consumer of the queue `celery` without options.
pub(crate) async fn consume_celery(server: &Server) -> Halves {
    consume(server, &["celery"], json!({})).await
}

/// An envelope as kombu writes it.
pub(crate) fn envelope(tag: &str, queue: &str, priority: u8) -> String {
    TASK.replace("fd6c903e-7c1b-40d0-986e-fd04a76b33aa", tag)
        .replace("\"routing_key\": \"celery\"", &format!("\"routing_key\": \"{queue}\""))
        .replace("\"priority\": 0", &format!("\"priority\": {priority}"))
}

/// Sends one message for each tag, as a stock producer does.
pub(crate) async fn push(client: &Client, queue: &str, tags: &[&str]) {
    for tag in tags {
        let () = client.lpush(queue, envelope(tag, queue, 0)).await.unwrap();
    }
}

/// The delivery tags that the producer gave, in the order of the deliveries.
pub(crate) fn names(deliveries: &[Delivery]) -> Vec<String> {
    let name =
        |delivery: &Delivery| delivery.message.as_ref().unwrap().properties.delivery_tag.clone().unwrap();
    deliveries.iter().map(name).collect()
}

/// Whether each was marked as redelivered.
pub(crate) fn marks(deliveries: &[Delivery]) -> Vec<bool> {
    let mark = |delivery: &Delivery| {
        let message = delivery.message.as_ref().unwrap();
        let header = message.headers.get().contains("\"redelivered\": true");
        assert_eq!(header, message.properties.delivery_info.redelivered == Some(true));
        header
    };
    deliveries.iter().map(mark).collect()
}

/// Fetches until `count` messages came.
pub(crate) async fn fetch(consumer: &mut dyn Consumer, count: usize) -> Vec<Delivery> {
    fetch_across_losses(consumer, count, Duration::from_secs(20)).await.0
}

/// Waits for a condition.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < end, "{what} did not come true");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// All keys that are left, without the bindings, the mutex that workers hold for moments, and what the server heard from
/// workers.
pub(crate) async fn keys(client: &Client) -> Vec<String> {
    let keys: Vec<String> = client.custom(fred::cmd!("KEYS"), vec!["*"]).await.unwrap();
    let passing = ["_kombu.binding", "unacked_mutex", "celery-oxide.steady"];
    let stays = |key: &String| !passing.iter().any(|passing| key.starts_with(passing));
    let mut keys: Vec<_> = keys.into_iter().filter(stays).collect();
    keys.sort();
    keys
}

/// How many messages are unacknowledged.
pub(crate) async fn unacked(client: &Client) -> usize {
    client.hlen("unacked").await.unwrap()
}

/// Whether a key exists.
pub(crate) async fn exists(client: &Client, key: &str) -> bool {
    let count: i64 = client.exists(key).await.unwrap();
    count == 1
}

/// The reply as a string.
pub(crate) fn text(reply: Reply) -> String {
    reply.into_string().unwrap()
}
