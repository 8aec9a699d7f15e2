//! Going on with another server.

use std::time::Duration;

use celery_protocol::Message;
use celery_transport::{ConnectOptions, Publication, Queue, Transport, valkey::Valkey};
use celery_valkey::test_server::{Sentinel, Server};
use fred::{
    prelude::{ClientLike, ListInterface},
    types::Value,
};
use serde_json::json;

use crate::support::{TASK, acks, broker, exists, fetch, marks, names, push, unacked, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_next_broker_has_everything_that_the_first_had() {
    let (mut first, second) = (Server::start().await, Server::start().await);
    let (old, new) = (first.client().await, second.client().await);
    let transport = broker(&format!("{};{}", first.url(), second.url()), json!({}));
    let queue = Queue::named("celery").bound_to("tasks", "direct", "celery");
    let (mut consumer, acknowledger) = transport.consume(std::slice::from_ref(&queue)).await.unwrap();
    let publisher = transport.publisher().await.unwrap();
    let mut subscription = transport.subscribe("pidbox", &[]).await.unwrap();
    push(&old, "celery", &["a"]).await;
    let held = fetch(&mut *consumer, 1).await;

    push(&new, "celery", &["b"]).await;
    first.kill();
    let found = fetch(&mut *consumer, 1).await;
    assert_eq!(names(&found), ["b"]);
    assert!(exists(&new, "_kombu.binding.tasks").await);
    // What the other broker gave is none of this one's business.
    for deliveries in [held, found] {
        let batch = acks(&deliveries);
        until("it is settled", || async { acknowledger.settle(&batch).await.is_ok() }).await;
    }
    assert_eq!(unacked(&new).await, 0);
    let publication = Publication::new("tasks", "celery", Message::from_envelope(TASK.as_bytes()).unwrap());
    until("it is published", || async {
        publisher.publish_all(std::slice::from_ref(&publication)).await.is_ok()
    })
    .await;
    assert_eq!(fetch(&mut *consumer, 1).await.len(), 1);

    // Told that the connection was lost, a listener goes on listening.
    assert!(subscription.next().await.unwrap_err().is_transient());
    let hears = tokio::spawn(async move { subscription.next().await });
    until("somebody listens", || async {
        let heard: i64 = new.custom(fred::cmd!("PUBLISH"), vec!["/0.pidbox", TASK]).await.unwrap();
        heard == 1
    })
    .await;
    tokio::time::timeout(Duration::from_secs(5), hears).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_that_sentinel_names() {
    let mut sentinel = Sentinel::start(Some("pw"), None).await;
    let old = sentinel.first.client_with(Some("pw")).await;
    let options = json!({"master_name": "mymaster", "min_other_sentinels": 0, "lease_timeout": 60});
    let transport = broker(&sentinel.url("pw"), options);
    let (mut consumer, acknowledger) = transport.consume(&[Queue::named("celery")]).await.unwrap();
    push(&old, "celery", &["a", "b"]).await;
    let held = fetch(&mut *consumer, 1).await;
    let replicas: i64 = old.custom(fred::cmd!("WAIT"), vec!["1", "0"]).await.unwrap();
    assert_eq!(replicas, 1);

    sentinel.first.kill();
    sentinel.has_failed_over().await;
    // The new master knows what this worker holds.
    let more = fetch(&mut *consumer, 1).await;
    assert_eq!((names(&more), marks(&more)), (vec!["b".to_owned()], vec![false]));
    for deliveries in [held, more] {
        let batch = acks(&deliveries);
        until("it is settled", || async { acknowledger.settle(&batch).await.is_ok() }).await;
    }
    let new = sentinel.second.client_with(Some("pw")).await;
    assert_eq!(unacked(&new).await, 0);
    // And wakes it.
    let waits = tokio::spawn(async move {
        while consumer.fetch(1).await.unwrap().is_empty() {
            consumer.ready().await.unwrap();
        }
    });
    push(&new, "celery", &["c"]).await;
    tokio::time::timeout(Duration::from_secs(5), waits).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_broker_with_tls() {
    let (server, files, port) = Server::start_with_tls("127.0.0.1", "yes").await;
    let use_ssl = json!({
        "ssl_cert_reqs": "CERT_REQUIRED", "ssl_ca_certs": files.authority(),
        "ssl_certfile": files.certificate("client"), "ssl_keyfile": files.key("client"),
    });
    let options = ConnectOptions::default().with_use_ssl(Some(use_ssl));
    let transport = Valkey::new(&format!("rediss://127.0.0.1:{port}/0"), &options).unwrap();
    let (mut consumer, acknowledger) = transport.consume(&[Queue::named("celery")]).await.unwrap();
    push(&server.client().await, "celery", &["a"]).await;
    let deliveries = fetch(&mut *consumer, 1).await;
    acknowledger.settle(&acks(&deliveries)).await.unwrap();
    assert!(transport.subscribe("pidbox", &[]).await.is_ok());
}

#[tokio::test]
async fn a_replica_that_becomes_the_master() {
    let server = Server::start().await;
    let client = server.client().await;
    let transport = broker(&server.url(), json!({}));
    let (mut consumer, _acknowledger) = transport.consume(&[Queue::named("celery")]).await.unwrap();
    push(&client, "celery", &["a"]).await;
    let _: Value = client.custom(fred::cmd!("REPLICAOF"), vec!["127.0.0.1", "1"]).await.unwrap();
    let error = consumer.fetch(1).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("READONLY"), "{error}");
    let _: Value = client.custom(fred::cmd!("REPLICAOF"), vec!["NO", "ONE"]).await.unwrap();
    assert_eq!(names(&fetch(&mut *consumer, 1).await), ["a"]);
    let length: i64 = client.llen("celery").await.unwrap();
    assert_eq!(length, 0);
}
