//! What is stored, what is kept, who is told.

use std::time::Duration;

use bytes::Bytes;
use celery_results::{ConnectOptions, ResultStore, StoreResult, valkey::Valkey};
use fred::prelude::{ClientLike, EventInterface, KeysInterface, PubsubInterface};
use serde_json::json;

use crate::support::{connect, day, get, meta};

use celery_valkey::test_server::Server;

#[tokio::test]
async fn a_success_in_another_notation_is_seen() {
    let server = Server::start().await;
    let client = server.client().await;
    let store = connect(&server).await;
    for (stored, overwritten) in [
        (r#"{"status":"SUCCESS","result":1}"#, false),
        (r#"{"result": {"status": "FAILURE"}, "status": "SUCCESS"}"#, false),
        (r#"{"result": "SUCCESS", "status": "FAILURE"}"#, true),
        ("\u{0}celery-compressed\u{0}", true),
        ("[]", true),
    ] {
        let () = client.set("celery-task-meta-a", stored, None, None, false).await.unwrap();
        store.store(&[day("a", meta("FAILURE", "9"))]).await.unwrap();
        let now = get(&store, "a").await.unwrap();
        assert_eq!(now == meta("FAILURE", "9"), overwritten, "{stored:?}");
    }
}

#[tokio::test]
async fn results_expire_or_stay() {
    let server = Server::start().await;
    let client = server.client().await;
    let store = connect(&server).await;
    let expiring = |expires| StoreResult::new("a", meta("STARTED", "1"), expires);
    store.store(&[expiring(Some(Duration::from_secs(100)))]).await.unwrap();
    let ttl: i64 = client.ttl("celery-task-meta-a").await.unwrap();
    assert!((99..=100).contains(&ttl), "{ttl}");
    store.store(&[expiring(None)]).await.unwrap();
    let ttl: i64 = client.ttl("celery-task-meta-a").await.unwrap();
    assert_eq!(ttl, -1);
}

#[tokio::test]
async fn whoever_waits_is_told_once() {
    let server = Server::start().await;
    let listener = server.client().await;
    let mut messages = listener.message_rx();
    listener.psubscribe("celery-task-meta-*").await.unwrap();
    let store = connect(&server).await;
    store
        .store(&[
            day("a", meta("SUCCESS", "1")),
            day("a", meta("FAILURE", "2")),
            day("b", meta("SUCCESS", "3")),
        ])
        .await
        .unwrap();
    for (id, value) in [("a", "1"), ("b", "3")] {
        let message = messages.recv().await.unwrap();
        assert_eq!(*message.channel, format!("celery-task-meta-{id}"));
        assert_eq!(message.value.into_bytes().unwrap(), meta("SUCCESS", value));
    }
}

#[tokio::test]
async fn large_batches_are_split_and_bytes_stay_bytes() {
    let server = Server::start().await;
    let client = server.client().await;
    let store = connect(&server).await;
    let odd = Bytes::from_static(b"\x80\x04\x95 pickle \xff\x00");
    let mut batch: Vec<_> = (0..700).map(|number| day(&format!("t{number}"), meta("SUCCESS", "1"))).collect();
    batch.push(day("large", Bytes::from(vec![b'x'; 3 << 20])));
    batch.push(day("odd", odd.clone()));
    store.store(&batch).await.unwrap();
    let size: i64 = client.custom(fred::cmd!("DBSIZE"), Vec::<String>::new()).await.unwrap();
    assert_eq!(size, 702);
    assert_eq!(get(&store, "odd").await, Some(odd));
    assert_eq!(get(&store, "large").await.unwrap().len(), 3 << 20);
    store.store(&[]).await.unwrap();
}

#[tokio::test]
async fn the_prefix_goes_before_keys_and_channels() {
    let server = Server::start().await;
    let listener = server.client().await;
    let mut messages = listener.message_rx();
    listener.subscribe("app_celery-task-meta-a").await.unwrap();
    let options = json!({"global_keyprefix": "app"}).as_object().unwrap().clone();
    let store = Valkey::connect(&server.url(), &ConnectOptions::new(options, "")).await.unwrap();
    store.store(&[day("a", meta("SUCCESS", "1"))]).await.unwrap();
    assert_eq!(&*messages.recv().await.unwrap().channel, "app_celery-task-meta-a");
    assert_eq!(get(&store, "a").await, Some(meta("SUCCESS", "1")));
}
