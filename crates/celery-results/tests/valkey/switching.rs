//! Going on with another server, and servers that are reached in other ways.

use std::time::Duration;

use celery_results::{ConnectOptions, ResultReader, ResultStore, valkey::Valkey};
use celery_valkey::test_server::{Sentinel, Server};
use serde_json::{Map, json};

use crate::support::{day, get, meta, until};

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_is_told_by_the_master_that_sentinel_names() {
    let mut sentinel = Sentinel::start(Some("pw"), Some("own")).await;
    let options = json!({"master_name": "mymaster", "sentinel_kwargs": {"password": "own"}});
    let options = ConnectOptions::new(options.as_object().unwrap().clone(), "celery@test");
    let backend = Valkey::connect(&sentinel.url("pw"), &options).await.unwrap();
    let mut watch = backend.watch("a").await.unwrap();

    sentinel.first.kill();
    sentinel.has_failed_over().await;
    let result = [day("a", meta("SUCCESS", "1"))];
    until("it is stored", || async { backend.store(&result).await.is_ok() }).await;
    let heard = tokio::time::timeout(Duration::from_secs(5), watch.next()).await.unwrap().unwrap();
    assert_eq!(heard, result[0].meta);
    assert_eq!(get(&backend, "a").await, Some(result[0].meta.clone()));
}

#[tokio::test]
async fn a_unix_socket() {
    let server = Server::start_with_socket().await;
    let path = server.socket().to_str().unwrap().replace(' ', "%20");
    // What Celery leaves of `redis+socket://`.
    let url = format!("socket://{path}?virtual_host=2");
    let backend = Valkey::connect(&url, &ConnectOptions::new(Map::new(), "")).await.unwrap();
    backend.store(&[day("a", meta("SUCCESS", "1"))]).await.unwrap();
    assert!(get(&backend, "a").await.is_some());
}

#[tokio::test]
async fn tls() {
    let (_server, files, port) = Server::start_with_tls("127.0.0.1", "no").await;
    let use_ssl = json!({"ssl_cert_reqs": 2, "ssl_ca_certs": files.authority()});
    let options = ConnectOptions::default().with_use_ssl(Some(use_ssl));
    for scheme in ["rediss", "redis"] {
        let backend = Valkey::connect(&format!("{scheme}://127.0.0.1:{port}/0"), &options).await.unwrap();
        let watch = backend.watch("a").await;
        assert!(watch.is_ok());
        backend.store(&[day("a", meta("SUCCESS", "1"))]).await.unwrap();
    }
}
