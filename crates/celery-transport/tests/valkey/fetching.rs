//! What is taken, in which order, and how it is booked.

use std::time::{SystemTime, UNIX_EPOCH};

use celery_valkey::test_server::Server;
use fred::prelude::{HashesInterface, ListInterface, SortedSetsInterface};
use serde_json::json;

use crate::support::{
    TASK, acks, consume, consume_celery, envelope, exists, fetch, keys, names, push, unacked,
};

#[tokio::test]
async fn bookkeeping_is_kombus_byte_for_byte() {
    let server = Server::start().await;
    let client = server.client().await;
    let () = client.lpush("celery", TASK).await.unwrap();
    let (mut consumer, acknowledger) = consume_celery(&server).await;

    let deliveries = consumer.fetch(10).await.unwrap();
    assert_eq!(deliveries.len(), 1);
    let delivery = &deliveries[0];
    let tag = &*delivery.tag.0;
    // Not the envelope's, under which a stock worker would book.
    assert_ne!(tag, "fd6c903e-7c1b-40d0-986e-fd04a76b33aa");
    assert_eq!(&*delivery.queue, "celery");
    let message = delivery.message.as_ref().unwrap();
    assert!(message.body.starts_with(b"[[1, 2], {}, "));

    let triple: String = client.hget("unacked", tag).await.unwrap();
    assert_eq!(triple, include_str!("captured/unacked.json"));
    let score: f64 = client.zscore("unacked_index", tag).await.unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - score).abs() < 5.0, "{score} {now}");
    assert!(!exists(&client, "celery").await);
    let workers: Vec<String> =
        client.zrange("celery-oxide.workers", 0, -1, None, false, None, false).await.unwrap();
    let list: String = client.hget(format!("celery-oxide.worker.{}", workers[0]), tag).await.unwrap();
    assert_eq!(list, "celery");

    acknowledger.settle(&acks(&deliveries)).await.unwrap();
    acknowledger.settle(&acks(&deliveries)).await.unwrap();
    assert_eq!(keys(&client).await, ["celery-oxide.workers"]);
}

#[tokio::test]
async fn no_more_than_the_credit_and_first_in_first_out() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a", "b", "c", "d", "e"]).await;
    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    assert!(consumer.fetch(0).await.unwrap().is_empty());
    assert_eq!(names(&consumer.fetch(3).await.unwrap()), ["a", "b", "c"]);
    assert_eq!(unacked(&client).await, 3);
    assert_eq!(names(&consumer.fetch(3).await.unwrap()), ["d", "e"]);
    assert!(consumer.fetch(3).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_large_batch_is_booked_whole() {
    let server = Server::start().await;
    let client = server.client().await;
    let raws: Vec<String> = (0..2500).map(|number| envelope(&format!("t{number}"), "celery", 0)).collect();
    let () = client.lpush("celery", raws).await.unwrap();
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(3000).await.unwrap();
    let expected: Vec<String> = (0..2500).map(|number| format!("t{number}")).collect();
    assert_eq!(names(&deliveries), expected);
    assert_eq!(unacked(&client).await, 2500);
    let index: Vec<String> = client.zrange("unacked_index", 0, -1, None, false, None, false).await.unwrap();
    assert_eq!(index, deliveries.iter().map(|delivery| delivery.tag.0.to_string()).collect::<Vec<_>>());
    acknowledger.settle(&acks(&deliveries)).await.unwrap();
    assert_eq!(keys(&client).await, ["celery-oxide.workers"]);
}

#[tokio::test]
async fn priority_step_0_is_served_first() {
    let server = Server::start().await;
    let client = server.client().await;
    for (list, priority) in
        [("celery\x06\x169", 9), ("celery\x06\x163", 3), ("celery", 0), ("celery\x06\x166", 6)]
    {
        let () = client.lpush(list, envelope(&format!("p{priority}"), "celery", priority)).await.unwrap();
    }
    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(10).await.unwrap();
    assert_eq!(names(&deliveries), ["p0", "p3", "p6", "p9"]);
    assert!(deliveries.iter().all(|delivery| &*delivery.queue == "celery"));
}

#[tokio::test]
async fn queues_take_turns() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "one", &["a", "b", "c", "d", "e"]).await;
    push(&client, "two", &["v", "w", "x", "y", "z"]).await;
    let (mut consumer, _acknowledger) = consume(&server, &["one", "two"], json!({})).await;
    assert_eq!(names(&consumer.fetch(1).await.unwrap()), ["a"]);
    assert_eq!(names(&consumer.fetch(1).await.unwrap()), ["v"]);
    assert_eq!(names(&consumer.fetch(1).await.unwrap()), ["b"]);
    assert_eq!(names(&consumer.fetch(4).await.unwrap()), ["w", "x", "c", "d"]);
    assert_eq!(names(&consumer.fetch(9).await.unwrap()), ["y", "z", "e"]);
}

#[tokio::test]
async fn queues_in_a_fixed_order() {
    let server = Server::start().await;
    let client = server.client().await;
    for (strategy, expected) in [("sorted", ["a", "b", "x", "y"]), ("priority", ["x", "y", "a", "b"])] {
        push(&client, "a-queue", &["a", "b"]).await;
        push(&client, "b-queue", &["x", "y"]).await;
        let options = json!({"queue_order_strategy": strategy});
        let (mut consumer, acknowledger) = consume(&server, &["b-queue", "a-queue"], options).await;
        let mut all = Vec::new();
        for _ in 0..4 {
            all.extend(fetch(&mut *consumer, 1).await);
        }
        assert_eq!(names(&all), expected);
        acknowledger.settle(&acks(&all)).await.unwrap();
    }
}

#[tokio::test]
async fn prefix_and_names_of_keys_are_options() {
    let server = Server::start().await;
    let client = server.client().await;
    let () = client.lpush("app:celery:9", envelope("a", "celery", 9)).await.unwrap();
    let options = json!({
        "global_keyprefix": "app:", "sep": ":", "priority_steps": [0, 9],
        "unacked_key": "held", "unacked_index_key": "held_index",
    });
    let (mut consumer, acknowledger) = consume(&server, &["celery"], options).await;
    let deliveries = consumer.fetch(2).await.unwrap();
    assert_eq!(names(&deliveries), ["a"]);
    assert!(exists(&client, "app:held").await && exists(&client, "app:held_index").await);
    acknowledger.settle(&acks(&deliveries)).await.unwrap();
    assert!(keys(&client).await.iter().all(|key| key.starts_with("app:")));
}
