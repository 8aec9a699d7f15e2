//! Sentinel.

use std::time::{Duration, Instant};

use celery_valkey::{Access, Connection, Error, PubSub, test_server::Sentinel};
use fred::prelude::PubsubInterface;
use serde_json::json;

use crate::support::{SOON, address_with, port, settings, write, writes_again};

fn access(own: Option<&str>) -> Access {
    Access {
        master_name: Some("mymaster".to_owned()),
        sentinel_kwargs: json!({"password": own}).as_object().unwrap().clone(),
        ..Access::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_failover() {
    let mut sentinel = Sentinel::start(Some("pw"), Some("own")).await;
    // The first does not exist.
    let url = format!("sentinel://:pw@127.0.0.1:1/0;{}", sentinel.url("pw"));
    let address = address_with(&url, &access(Some("own")));
    let connection = Connection::open(&address, &settings()).await.unwrap();
    let pubsub = PubSub::open(&address, &settings()).await.unwrap();
    let mut messages = pubsub.messages();
    let mut reconnects = pubsub.reconnects();
    assert_eq!(port(&connection).await, sentinel.first.port);
    write(&connection, "x").await.unwrap();

    sentinel.fail_over(Some("own")).await;
    // The old master goes on until Sentinel demotes it, some seconds later.
    sentinel.has_demoted().await;
    writes_again(&connection, "y").await;
    assert_eq!(port(&connection).await, sentinel.second.port);

    // A listener is told of every new connection, the old master's too before it is left, and subscribes again.
    tokio::time::timeout(SOON, reconnects.recv()).await.unwrap().unwrap();
    let end = Instant::now() + SOON;
    let message = loop {
        let _ = pubsub.subscribe(&["channel"]).await;
        let _: i64 = connection.client().publish("channel", "hello").await.unwrap();
        match tokio::time::timeout(Duration::from_millis(200), messages.recv()).await {
            Ok(message) => break message.unwrap(),
            Err(_) => assert!(Instant::now() < end, "nothing was heard"),
        }
    };
    assert_eq!(message.value.as_string().as_deref(), Some("hello"));
    assert_eq!(port(pubsub.connection()).await, sentinel.second.port);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_dies() {
    let mut sentinel = Sentinel::start(None, None).await;
    let url = format!("sentinel://127.0.0.1:{}/0", sentinel.sentinel.port);
    let connection = Connection::open(&address_with(&url, &access(None)), &settings()).await.unwrap();
    write(&connection, "x").await.unwrap();
    sentinel.first.kill();
    sentinel.has_failed_over().await;
    writes_again(&connection, "y").await;
    assert_eq!(port(&connection).await, sentinel.second.port);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_was_demoted_behind_our_back() {
    let mut sentinel = Sentinel::start(None, None).await;
    let url = format!("sentinel://127.0.0.1:{}/0", sentinel.sentinel.port);
    let connection = Connection::open(&address_with(&url, &access(None)), &settings()).await.unwrap();
    let mut reconnects = connection.reconnects();
    sentinel.fail_over(None).await;
    assert_eq!(port(&connection).await, sentinel.first.port);
    // A script answers with the text of an error, which the client library takes for a value.
    let error = connection.error_reply("READONLY You can't write against a read only replica.");
    assert!(matches!(error, Error::Lost { .. }), "{error}");
    tokio::time::timeout(SOON, reconnects.recv()).await.unwrap().unwrap();
    assert_eq!(port(&connection).await, sentinel.second.port);
    writes_again(&connection, "y").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sentinel_refuses() {
    let sentinel = Sentinel::start(None, Some("own")).await;
    let url = format!("sentinel://127.0.0.1:{}/0", sentinel.sentinel.port);
    let open = async |access: &Access| {
        Connection::open(&address_with(&url, access), &settings()).await.err().unwrap()
    };
    let error = open(&access(Some("wrong"))).await;
    assert!(matches!(&error, Error::Refused { reason, .. } if reason.contains("WRONGPASS")), "{error}");
    let mut other = access(Some("own"));
    other.master_name = Some("other".to_owned());
    let error = open(&other).await;
    assert!(matches!(&error, Error::Refused { reason, .. } if reason.contains("other")), "{error}");
    let mut lonely = access(Some("own"));
    lonely.min_other_sentinels = 1;
    let error = open(&lonely).await;
    assert!(error.is_transient() && error.to_string().contains("min_other_sentinels"), "{error}");
    // A Sentinel is no broker.
    let url = format!("redis://:own@127.0.0.1:{}", sentinel.sentinel.port);
    let error = Connection::open(&address_with(&url, &Access::default()), &settings()).await.err().unwrap();
    assert!(!error.is_transient(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sentinel_is_there() {
    let started = Instant::now();
    let url = "sentinel://127.0.0.1:1/0;sentinel://127.0.0.1:2/0";
    let error = Connection::open(&address_with(url, &access(None)), &settings()).await.err().unwrap();
    assert!(error.is_transient() && error.to_string().contains("mymaster"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3));
}
