//! Publishing, declaring, purging.

use bytes::Bytes;
use celery_protocol::Message;
use celery_transport::{Publication, Queue, Transport};
use celery_valkey::test_server::Server;
use fred::prelude::{ClientLike, EventInterface, ListInterface, PubsubInterface, SetsInterface};
use serde_json::json;

use crate::support::{TASK, broker, consume_celery, envelope, keys, names};

fn message(priority: Option<u8>) -> Message {
    let mut message = Message::from_envelope(TASK.as_bytes()).unwrap();
    message.properties.priority = priority;
    message
}

async fn length(client: &fred::prelude::Client, list: &str) -> i64 {
    client.llen(list).await.unwrap()
}

#[tokio::test]
async fn the_default_exchange_names_the_queue() {
    let server = Server::start().await;
    let client = server.client().await;
    let publisher = broker(&server.url(), json!({})).publisher().await.unwrap();
    let batch = [
        Publication::new("", "celery", message(None)),
        Publication::new("", "celery", message(Some(0))),
        Publication::new("", "celery", message(Some(200))),
        Publication::new("", "other", message(Some(4))),
    ];
    publisher.publish_all(&batch).await.unwrap();
    assert_eq!(keys(&client).await, ["celery", "celery\x06\x169", "other\x06\x163"]);
    let raws: Vec<Bytes> = client.lrange("celery", 0, -1).await.unwrap();
    assert_eq!(raws.len(), 2);
    let sent = Message::from_envelope(&raws[1]).unwrap();
    assert_eq!(sent.headers.get(), batch[0].message.headers.get());
    assert_eq!(sent.body, batch[0].message.body);
    assert_eq!(sent.properties.priority, Some(0));
    assert_eq!(sent.properties.body_encoding.as_deref(), Some("base64"));
    assert_eq!(sent.properties.delivery_info.routing_key, "celery");
    let tags: Vec<_> = raws
        .iter()
        .map(|raw| Message::from_envelope(raw).unwrap().properties.delivery_tag.unwrap())
        .collect();
    assert_ne!(tags[0], tags[1]);

    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    assert_eq!(names(&consumer.fetch(1).await.unwrap()), tags[1..]);
}

#[tokio::test]
async fn other_exchanges_go_by_their_bindings() {
    let server = Server::start().await;
    let client = server.client().await;
    let broker = broker(&server.url(), json!({}));
    let publisher = broker.publisher().await.unwrap();
    publisher
        .declare(&[
            Queue::named("celery"),
            Queue::named("a").bound_to("topics", "topic", "feed.*"),
            Queue::named("b").bound_to("topics", "topic", "#"),
            Queue::named("c").bound_to("directs", "direct", "feed.x"),
        ])
        .await
        .unwrap();
    let members: Vec<String> = client.smembers("_kombu.binding.celery").await.unwrap();
    assert_eq!(members, ["celery\x06\x16\x06\x16celery"]);
    let members: Vec<String> = client.smembers("_kombu.binding_permanent.topics").await.unwrap();
    assert_eq!(members.len(), 2);
    let publication = |exchange: &str, key: &str| Publication::new(exchange, key, message(None));
    publisher
        .publish_all(&[
            publication("topics", "feed.x").of_type("topic"),
            publication("topics", "feed.x.y").of_type("topic"),
            publication("directs", "feed.x"),
            publication("directs", "feed.*"),
            publication("nowhere", "feed.x"),
        ])
        .await
        .unwrap();
    assert_eq!(
        (length(&client, "a").await, length(&client, "b").await, length(&client, "c").await),
        (1, 2, 1)
    );
}

#[tokio::test]
async fn what_no_binding_takes_goes_to_the_dead_letter_queue() {
    let server = Server::start().await;
    let client = server.client().await;
    let publisher = broker(&server.url(), json!({"deadletter_queue": "dead"})).publisher().await.unwrap();
    publisher.publish_all(&[Publication::new("nowhere", "x", message(None))]).await.unwrap();
    assert_eq!(length(&client, "dead").await, 1);
}

#[tokio::test]
async fn fanout_exchanges_are_channels() {
    let server = Server::start().await;
    let listener = server.client().await;
    let mut messages = listener.message_rx();
    listener.psubscribe("/0.celeryev/*").await.unwrap();
    let publisher = broker(&server.url(), json!({})).publisher().await.unwrap();
    let event = Publication::new("celeryev", "worker.heartbeat", message(None)).of_type("fanout");
    publisher.publish_all(&[event]).await.unwrap();
    let received = messages.recv().await.unwrap();
    assert_eq!(&*received.channel, "/0.celeryev/worker.heartbeat");
    let raw = received.value.into_bytes().unwrap();
    assert_eq!(Message::from_envelope(&raw).unwrap().properties.delivery_info.exchange, "celeryev");
}

#[tokio::test]
async fn purge_counts_all_priorities() {
    let server = Server::start().await;
    let client = server.client().await;
    for list in ["celery", "celery", "celery\x06\x163", "celery\x06\x169", "other"] {
        let () = client.lpush(list, envelope("a", "celery", 0)).await.unwrap();
    }
    let broker = broker(&server.url(), json!({}));
    assert_eq!(broker.purge(&Queue::named("celery")).await.unwrap(), 4);
    assert_eq!(broker.purge(&Queue::named("celery")).await.unwrap(), 0);
    assert_eq!(keys(&client).await, ["other"]);
    let _: fred::types::Value = client.ping(None).await.unwrap();
}
