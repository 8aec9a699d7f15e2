//! Connections that end at the worst moment.

use std::time::Duration;

use celery_transport::{Queue, Settlement, Transport};
use celery_valkey::test_server::Server;
use fred::prelude::{ClientLike, ListInterface};
use serde_json::json;

use crate::{
    proxy::Proxy,
    support::{acks, broker, consume, consume_celery, fetch, keys, names, push, unacked, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_an_interrupted_fetch_took_is_delivered_next() {
    let server = Server::start().await;
    let client = server.client().await;
    let proxy = Proxy::before(server.port).await;
    let (mut consumer, acknowledger) =
        broker(&proxy.url(), json!({})).consume(&[Queue::named("celery")]).await.unwrap();
    push(&client, "celery", &["a", "b", "c", "d", "e"]).await;
    let held = consumer.fetch(1).await.unwrap();
    assert_eq!(names(&held), ["a"]);

    proxy.mute();
    let fetching = tokio::spawn(async move {
        let outcome = consumer.fetch(3).await;
        (outcome, consumer)
    });
    until("the server has taken them", || async { unacked(&client).await == 4 }).await;
    proxy.cut();
    let (outcome, mut consumer) = fetching.await.unwrap();
    assert!(outcome.unwrap_err().is_transient());

    let found = fetch(&mut *consumer, 3).await;
    assert_eq!(names(&found), ["b", "c", "d"]);
    let last = fetch(&mut *consumer, 1).await;
    assert_eq!(names(&last), ["e"]);
    for deliveries in [held, found, last] {
        let batch = acks(&deliveries);
        until("it is settled", || async { acknowledger.settle(&batch).await.is_ok() }).await;
    }
    assert_eq!(keys(&client).await, ["celery-oxide.workers"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_was_given_up_loses_nothing() {
    let server = Server::start().await;
    let client = server.client().await;
    let proxy = Proxy::before(server.port).await;
    let (mut consumer, _acknowledger) =
        broker(&proxy.url(), json!({})).consume(&[Queue::named("celery")]).await.unwrap();
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    push(&client, "celery", &["a"]).await;
    proxy.mute();
    tokio::select! {
        _ = consumer.fetch(1) => panic!("the reply was lost"),
        () = until("the server has taken it", || async { unacked(&client).await == 1 }) => {}
    }
    proxy.cut();
    assert_eq!(names(&fetch(&mut *consumer, 1).await), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_whose_reply_was_lost_may_be_given_again() {
    let server = Server::start().await;
    let client = server.client().await;
    let proxy = Proxy::before(server.port).await;
    let (mut consumer, acknowledger) =
        broker(&proxy.url(), json!({})).consume(&[Queue::named("celery")]).await.unwrap();
    push(&client, "celery", &["a", "b"]).await;
    let deliveries = fetch(&mut *consumer, 2).await;
    let batch = [Settlement::Ack(deliveries[0].tag.clone()), Settlement::Requeue(deliveries[1].tag.clone())];
    proxy.mute();
    let settling = {
        let (acknowledger, batch) = (std::sync::Arc::clone(&acknowledger), batch.clone());
        tokio::spawn(async move { acknowledger.settle(&batch).await })
    };
    until("the first is gone", || async { unacked(&client).await == 1 }).await;
    proxy.cut();
    assert!(settling.await.unwrap().unwrap_err().is_transient());
    until("it is settled", || async { acknowledger.settle(&batch).await.is_ok() }).await;
    let length: i64 = client.llen("celery").await.unwrap();
    assert_eq!((length, unacked(&client).await), (1, 0));
}

#[tokio::test]
async fn a_killed_connection_is_armed_again() {
    let server = Server::start().await;
    let client = server.client().await;
    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    let _: fred::types::Value =
        client.custom(fred::cmd!("CLIENT"), vec!["KILL", "TYPE", "normal", "SKIPME", "yes"]).await.unwrap();
    // The reconnection is a reason to look.
    tokio::time::timeout(Duration::from_secs(5), consumer.ready()).await.unwrap().unwrap();
    assert!(fetch_once(&mut *consumer).await.is_empty());
    push(&client, "celery", &["a"]).await;
    tokio::time::timeout(Duration::from_secs(1), consumer.ready()).await.unwrap().unwrap();
    assert_eq!(names(&fetch_once(&mut *consumer).await), ["a"]);
}

async fn fetch_once(consumer: &mut dyn celery_transport::Consumer) -> Vec<celery_transport::Delivery> {
    loop {
        match consumer.fetch(1).await {
            Ok(deliveries) => return deliveries,
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                consumer.ready().await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let mut server =
        Server::start_with(&["--save", "", "--appendonly", "yes", "--appendfsync", "always"]).await;
    let client = server.client().await;
    push(&client, "celery", &["a", "b"]).await;
    let (mut consumer, acknowledger) = consume(&server, &["celery"], json!({})).await;
    let first = consumer.fetch(1).await.unwrap();
    server.kill();
    assert!(consumer.fetch(1).await.unwrap_err().is_transient());
    server.restart().await;
    let second = fetch(&mut *consumer, 1).await;
    assert_eq!(names(&second), ["b"]);
    let client = server.client().await;
    for deliveries in [first, second] {
        let batch = acks(&deliveries);
        until("it is settled", || async { acknowledger.settle(&batch).await.is_ok() }).await;
    }
    assert_eq!(keys(&client).await, ["celery-oxide.workers"]);
}
