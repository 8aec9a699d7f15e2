//! Messages of sorted sets whose time comes, and waking for them.

use std::time::{Duration, Instant};

use celery_valkey::test_server::Server;
use fred::prelude::{Client, HashesInterface, SortedSetsInterface};
use serde_json::json;

use crate::{
    sorted::{now, scores},
    sorted_order::{ASYNCIO, REDIS_PLUS, load, push_sorted, sent},
    support::{acks, consume, consume_celery, exists, fetch, marks, names, until},
};

/// Moves the captured delayed message so that it is due in `seconds`; `ahead` is what its writer adds in the index.
async fn delay(client: &Client, tag: &str, seconds: f64, ahead: f64) {
    let eta = now(client).await + seconds;
    let () = client.hset(format!("message:{tag}"), ("eta", eta)).await.unwrap();
    let () =
        client.zadd("messages_index:celery", None, None, false, false, (eta + ahead, tag)).await.unwrap();
}

#[tokio::test]
async fn delayed_messages_come_without_any_other_worker() {
    for (captured, ahead) in [(REDIS_PLUS, 0.0), (ASYNCIO, 60.0)] {
        let server = Server::start().await;
        let client = server.client().await;
        let tags = load(&client, captured).await;
        let (mut consumer, _acknowledger) = consume(&server, &["celery"], json!({"lease_timeout": 1})).await;
        assert_eq!(consumer.fetch(9).await.unwrap().len(), 4);
        // An hour ahead: not yet.
        assert!(!exists(&client, "queue:celery").await);
        delay(&client, &tags["delayed"], 0.2, ahead).await;
        let late = fetch(&mut *consumer, 1).await;
        assert_eq!((names(&late), marks(&late)), (vec![tags["delayed"].clone()], vec![false]));
        assert_eq!(late[0].rank, 252);
        let delayed: i64 =
            client.hget(format!("message:{}", tags["delayed"]), "native_delayed").await.unwrap();
        assert_eq!(delayed, 0);
    }
}

#[tokio::test]
async fn what_another_kind_of_worker_holds_is_not_touched_and_what_it_lost_is_restored() {
    let server = Server::start().await;
    let client = server.client().await;
    let tags = push_sorted(&client, "celery", &[5, 6]).await;
    // Taken as its workers do, and renewed by them until a minute and a half from now at most.
    for tag in &tags {
        let () = client.zrem("queue:celery", tag).await.unwrap();
    }
    let (held, lost) = (now(&client).await + 90.0, now(&client).await + 59.0);
    let index = vec![(held, &*tags[0]), (lost, &*tags[1])];
    let () = client.zadd("messages_index:celery", None, None, false, false, index).await.unwrap();
    let (mut consumer, _acknowledger) = consume(&server, &["celery"], json!({"lease_timeout": 0.4})).await;
    let restored = fetch(&mut *consumer, 1).await;
    assert_eq!((names(&restored), marks(&restored)), (vec![tags[1].clone()], vec![true]));
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    tokio::time::timeout(Duration::from_millis(600), consumer.ready()).await.unwrap_err();
    let score: f64 = client.zscore("messages_index:celery", &*tags[0]).await.unwrap();
    assert!((score - held).abs() < 0.01);
}

#[tokio::test]
async fn what_waits_long_is_neither_counted_nor_doubled() {
    let server = Server::start().await;
    let client = server.client().await;
    let tag = sent(&client, "celery", 5).await;
    let () = client.zadd("messages_index:celery", None, None, false, false, (1.0, &*tag)).await.unwrap();
    let () = client.zadd("messages_index:celery", None, None, false, false, (2.0, "orphan")).await.unwrap();
    let before = scores(&client, "queue:celery").await;
    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    until("it was looked at", || async {
        let index = scores(&client, "messages_index:celery").await;
        index.len() == 1 && index[0].1 > 1e9
    })
    .await;
    assert_eq!(scores(&client, "queue:celery").await, before);
    assert_eq!(marks(&consumer.fetch(2).await.unwrap()), [false]);
}

#[tokio::test]
async fn a_message_in_a_sorted_set_wakes_and_settling_does_not() {
    let server = Server::start().await;
    let client = server.client().await;
    let (mut consumer, acknowledger) = consume(&server, &["one", "two"], json!({})).await;
    for queue in ["one", "two"] {
        assert!(consumer.fetch(4).await.unwrap().is_empty());
        let waiting = tokio::spawn(async move {
            consumer.ready().await.unwrap();
            (Instant::now(), consumer)
        });
        let tags = push_sorted(&client, queue, &[3]).await;
        let sent = Instant::now();
        let woken;
        (woken, consumer) = waiting.await.unwrap();
        assert!(woken.saturating_duration_since(sent) < Duration::from_millis(900));
        let deliveries = consumer.fetch(4).await.unwrap();
        assert_eq!(names(&deliveries), tags);
        // What was read of the message is written too, so that nobody is told when it is deleted.
        acknowledger.settle(&acks(&deliveries)).await.unwrap();
        tokio::time::timeout(Duration::from_millis(200), consumer.ready()).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_message_whose_body_expired_does_not_stop_the_next() {
    let server = Server::start().await;
    let client = server.client().await;
    let () = client.zadd("queue:celery", None, None, false, false, (1.0, "gone")).await.unwrap();
    let () = client.zadd("messages_index:celery", None, None, false, false, (1e10, "gone")).await.unwrap();
    let tag = sent(&client, "celery", 5).await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    tokio::time::timeout(Duration::from_secs(1), consumer.ready()).await.unwrap().unwrap();
    let deliveries = consumer.fetch(1).await.unwrap();
    assert_eq!(names(&deliveries), [tag]);
    acknowledger.settle(&acks(&deliveries)).await.unwrap();
    assert!(!exists(&client, "messages_index:celery").await);
}
