//! Consuming from other queues than at the beginning.

use std::time::Duration;

use celery_transport::{Queue, Settlement, Transport};
use celery_valkey::test_server::Server;
use fred::prelude::{HashesInterface, ListInterface, SetsInterface};
use serde_json::json;

use crate::{
    proxy::Proxy,
    sorted_order::push_sorted,
    support::{acks, broker, consume, fetch, keys, names, push, unacked, until},
};

fn queues(names: &[&str]) -> Vec<Queue> {
    names.iter().map(|name| Queue::named(*name)).collect()
}

#[tokio::test]
async fn from_the_next_fetch_on_exactly_these() {
    let server = Server::start().await;
    let client = server.client().await;
    for (queue, tags) in [("one", ["a", "b"]), ("two", ["c", "d"]), ("three", ["e", "f"])] {
        push(&client, queue, &tags).await;
    }
    let sorted = push_sorted(&client, "three", &[7]).await;
    let (mut consumer, acknowledger) = consume(&server, &["one", "two"], json!({})).await;
    let first = consumer.fetch(2).await.unwrap();
    assert_eq!(names(&first), ["a", "c"]);

    consumer.consume_from(&queues(&["two", "three"])).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), consumer.ready()).await.unwrap().unwrap();
    let second = consumer.fetch(9).await.unwrap();
    let mut tags = names(&second);
    tags.sort();
    let mut expected = vec!["d".to_owned(), "e".to_owned(), "f".to_owned(), sorted[0].clone()];
    expected.sort();
    assert_eq!(tags, expected);
    // What was declared can be published to.
    let bound: Vec<String> = client.smembers("_kombu.binding.three").await.unwrap();
    assert_eq!(bound, ["three\x06\x16\x06\x16three"]);

    // What is held of a queue that was dropped is settled as ever.
    let batch = [Settlement::Ack(first[1].tag.clone()), Settlement::Restore(first[0].tag.clone())];
    acknowledger.settle(&batch).await.unwrap();
    let waiting: i64 = client.llen("one").await.unwrap();
    assert_eq!(waiting, 2);
    acknowledger.settle(&acks(&second)).await.unwrap();
    assert_eq!(unacked(&client).await, 0);

    // A push to a queue that was added wakes.
    assert!(consumer.fetch(9).await.unwrap().is_empty());
    let waiting = tokio::spawn(async move {
        consumer.ready().await.unwrap();
        consumer
    });
    push(&client, "three", &["g"]).await;
    let mut consumer = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    assert_eq!(names(&consumer.fetch(9).await.unwrap()), ["g"]);
}

#[tokio::test]
async fn none_and_again_some() {
    let server = Server::start().await;
    let client = server.client().await;
    let (mut consumer, _acknowledger) = consume(&server, &["one"], json!({})).await;
    consumer.consume_from(&[]).await.unwrap();
    push(&client, "one", &["a"]).await;
    assert!(consumer.fetch(9).await.unwrap().is_empty());
    tokio::time::timeout(Duration::from_millis(50), consumer.ready()).await.unwrap_err();
    consumer.consume_from(&queues(&["one"])).await.unwrap();
    assert_eq!(names(&consumer.fetch(9).await.unwrap()), ["a"]);
}

#[tokio::test]
async fn a_queue_that_is_refused_changes_nothing() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "one", &["a"]).await;
    let (mut consumer, _acknowledger) = consume(&server, &["one"], json!({})).await;
    let fanout = Queue::named("two").bound_to("celeryev", "fanout", "");
    let error = consumer.consume_from(&[fanout]).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("\"two\""), "{error}");
    assert_eq!(names(&consumer.fetch(9).await.unwrap()), ["a"]);
}

#[tokio::test]
async fn delivery_tags_stay_unique() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "one", &["a", "b"]).await;
    let (mut consumer, _acknowledger) = consume(&server, &["one"], json!({})).await;
    let first = consumer.fetch(1).await.unwrap();
    consumer.consume_from(&queues(&["one"])).await.unwrap();
    let second = consumer.fetch(1).await.unwrap();
    assert_ne!(first[0].tag, second[0].tag);
    let kept: Vec<String> = client.hkeys("unacked").await.unwrap();
    assert_eq!(kept.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_interrupted_fetch_took_of_a_queue_that_is_dropped_goes_back() {
    let server = Server::start().await;
    let client = server.client().await;
    let proxy = Proxy::before(server.port).await;
    let (mut consumer, _acknowledger) =
        broker(&proxy.url(), json!({})).consume(&queues(&["one", "two"])).await.unwrap();
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    push(&client, "one", &["a"]).await;
    push(&client, "two", &["b"]).await;
    proxy.mute();
    let fetching = tokio::spawn(async move {
        let outcome = consumer.fetch(9).await;
        (outcome, consumer)
    });
    until("the server has taken them", || async { unacked(&client).await == 2 }).await;
    proxy.cut();
    let (outcome, mut consumer) = fetching.await.unwrap();
    assert!(outcome.unwrap_err().is_transient());
    // The broker may be away at this moment.
    consumer.consume_from(&queues(&["two"])).await.unwrap();
    assert_eq!(names(&fetch(&mut *consumer, 1).await), ["b"]);
    until("it is back", || async { client.llen::<i64, _>("one").await.unwrap() == 1 }).await;
    assert_eq!(unacked(&client).await, 1);
    assert!(!keys(&client).await.contains(&"two".to_owned()));
}
