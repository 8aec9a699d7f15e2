//! Messages of stock workers.

use celery_valkey::test_server::Server;
use fred::prelude::{HashesInterface, KeysInterface, ListInterface, SetsInterface, SortedSetsInterface};
use serde_json::json;

use crate::support::{consume, consume_celery, envelope, exists, fetch, marks, names, unacked, until};

const RIGHT_NOW: f64 = 1e10;

/// Books a message as a stock worker does.
async fn book(
    client: &fred::prelude::Client,
    tag: &str,
    exchange: &str,
    key: &str,
    priority: u8,
    score: f64,
) {
    let triple = format!("[{}, \"{exchange}\", \"{key}\"]", envelope(tag, key, priority));
    let () = client.hset("unacked", (tag, triple)).await.unwrap();
    let () = client.zadd("unacked_index", None, None, false, false, (score, tag)).await.unwrap();
}

#[tokio::test]
async fn what_is_too_old_goes_back_and_what_is_not_stays() {
    let server = Server::start().await;
    let client = server.client().await;
    let () = client.sadd("_kombu.binding.jobs", "jobs\x06\x16\x06\x16celery").await.unwrap();
    book(&client, "old", "", "celery", 0, 1000.0).await;
    book(&client, "older", "", "celery", 0, 999.0).await;
    book(&client, "routed", "jobs", "jobs", 6, 998.0).await;
    book(&client, "unroutable", "nowhere", "x", 0, 997.0).await;
    book(&client, "new", "", "celery", 0, RIGHT_NOW).await;
    let () = client.zadd("unacked_index", None, None, false, false, (5.0, "no entry")).await.unwrap();

    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    let deliveries = fetch(&mut *consumer, 3).await;
    assert_eq!(names(&deliveries), ["older", "old", "routed"]);
    assert_eq!(marks(&deliveries), [true, true, true]);
    until("the mutex is released", || async { !exists(&client, "unacked_mutex").await }).await;
    let kept: Vec<String> = client.hkeys("unacked").await.unwrap();
    assert!(kept.contains(&"new".to_owned()) && kept.contains(&"unroutable".to_owned()));
    let score: Option<f64> = client.zscore("unacked_index", "no entry").await.unwrap();
    assert_eq!(score, None);
}

#[tokio::test]
async fn whoever_has_the_mutex_does_it() {
    let server = Server::start().await;
    let client = server.client().await;
    book(&client, "old", "", "celery", 0, 1000.0).await;
    let () = client.set("unacked_mutex", "somebody", None, None, false).await.unwrap();
    let options =
        json!({"unacked_restore_interval": 0.05, "unacked_restore_throttle": 1, "lease_timeout": 0.1});
    let (mut consumer, _acknowledger) = consume(&server, &["celery"], options).await;
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    tokio::time::timeout(std::time::Duration::from_millis(500), consumer.ready()).await.unwrap_err();
    assert_eq!(unacked(&client).await, 1);
    let token: String = client.get("unacked_mutex").await.unwrap();
    assert_eq!(token, "somebody");
    let () = client.del("unacked_mutex").await.unwrap();
    assert_eq!(names(&fetch(&mut *consumer, 1).await), ["old"]);
    let length: i64 = client.llen("celery").await.unwrap();
    assert_eq!(length, 0);
}
