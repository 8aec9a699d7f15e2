//! Messages of sorted sets that the broker keeps for later.

use std::time::SystemTime;

use celery_valkey::test_server::Server;
use fred::prelude::{HashesInterface, SortedSetsInterface};
use serde_json::json;

use crate::{
    parking::park,
    sorted::{now, scores},
    sorted_order::push_sorted,
    support::{acks, consume, consume_celery, exists, fetch, keys, marks, names, until},
};

#[tokio::test]
async fn it_is_a_delayed_message_and_comes_back_to_its_place() {
    let server = Server::start().await;
    let client = server.client().await;
    let tags = push_sorted(&client, "celery", &[7, 7]).await;
    let before = scores(&client, "queue:celery").await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(1).await.unwrap();
    let batch = park(&deliveries, 8.0);
    acknowledger.settle(&batch).await.unwrap();
    acknowledger.settle(&batch).await.unwrap();
    let due = now(&client).await + 8.0;
    let message = format!("message:{}", tags[0]);
    let (delayed, eta): (i64, f64) = client.hmget(&message, vec!["native_delayed", "eta"]).await.unwrap();
    assert_eq!(delayed, 1);
    assert!((eta - due).abs() < 1.0, "{eta} {due}");
    // The others find it when nobody of ours is left.
    let index: f64 = client.zscore("messages_index:celery", &*tags[0]).await.unwrap();
    assert!((index - eta - 70.0).abs() < 0.01, "{index} {eta}");

    let parked = acknowledger.parked(10).await.unwrap();
    assert_eq!((parked.len(), &*parked[0].queue), (1, "celery"));
    assert_eq!(parked[0].message.properties.delivery_tag.as_deref(), Some(&*tags[0]));
    assert!(parked[0].due > SystemTime::now());

    until("it is back", || async { scores(&client, "queue:celery").await.len() == 2 }).await;
    assert!(now(&client).await < due, "it is too late");
    assert_eq!(scores(&client, "queue:celery").await, before);
    let again = fetch(&mut *consumer, 2).await;
    assert_eq!((names(&again), marks(&again)), (tags, vec![false, false]));
    acknowledger.settle(&acks(&again)).await.unwrap();
    assert_eq!(keys(&client).await, ["celery-oxide.workers"]);
}

#[tokio::test]
async fn what_another_kind_of_worker_let_go_is_not_doubled() {
    let server = Server::start().await;
    let client = server.client().await;
    let tags = push_sorted(&client, "celery", &[7]).await;
    let (mut consumer, acknowledger) = consume(&server, &["celery"], json!({})).await;
    let deliveries = consumer.fetch(1).await.unwrap();
    acknowledger.settle(&park(&deliveries, 100.0)).await.unwrap();
    // Let go, taken and delayed anew by others.
    let () = client.hset(format!("message:{}", tags[0]), ("eta", "5000000000.0")).await.unwrap();
    for (member, _) in scores(&client, "celery-oxide.parked").await {
        let () = client.zadd("celery-oxide.parked", None, None, false, false, (1.0, member)).await.unwrap();
    }
    until("ours has looked", || async { !exists(&client, "celery-oxide.parked").await }).await;
    assert!(!exists(&client, "queue:celery").await);
    assert!(exists(&client, &format!("message:{}", tags[0])).await);
}

#[tokio::test]
async fn without_our_set_the_index_brings_it_back() {
    let server = Server::start().await;
    let client = server.client().await;
    let tags = push_sorted(&client, "celery", &[7]).await;
    let (mut consumer, acknowledger) = consume(&server, &["celery"], json!({"lease_timeout": 1})).await;
    let deliveries = consumer.fetch(1).await.unwrap();
    acknowledger.settle(&park(&deliveries, 0.5)).await.unwrap();
    let () = fred::prelude::KeysInterface::del(&client, "celery-oxide.parked").await.unwrap();
    let again = fetch(&mut *consumer, 1).await;
    assert_eq!((names(&again), marks(&again)), (tags, vec![false]));
}
