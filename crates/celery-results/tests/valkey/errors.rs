//! "Not now" apart from "no".

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use bytes::Bytes;
use celery_results::{ConnectOptions, Error, ResultStore, StoreResult, connect, valkey::Valkey};
use fred::prelude::{ClientLike, ListInterface};
use serde_json::Value;

use crate::support::{self, get};

use celery_valkey::test_server::Server;

fn result(id: &str) -> StoreResult {
    StoreResult::new(id, Bytes::from_static(b"{\"status\": \"SUCCESS\"}"), None)
}

#[tokio::test]
async fn a_server_that_is_not_there_fails_at_once() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let started = Instant::now();
    let url = format!("redis://:secret@127.0.0.1:{port}/0");
    let error = Valkey::connect(&url, &ConnectOptions::default()).await.err().unwrap();
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(error.is_transient() && !error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let server = Server::start_with(&["--save", "", "--requirepass", "right"]).await;
    let url = format!("redis://:wrong@127.0.0.1:{}/0", server.port);
    let error = Valkey::connect(&url, &ConnectOptions::default()).await.err().unwrap();
    assert!(matches!(&error, Error::Refused { reason, .. } if reason.contains("WRONGPASS")), "{error}");
}

#[tokio::test]
async fn urls_are_refused_by_name() {
    for url in [
        "redis-cluster://h",
        "redis+socket://s",
        "what://h",
        "redis://h/x",
        "redis://h;redis://i",
        "redis://h?ssl_cert_reqs=none",
    ] {
        let error = connect(url, &ConnectOptions::default()).await.err().unwrap();
        assert!(matches!(error, Error::Url { .. }), "{error}");
    }
    let error = connect("sentinel://h", &ConnectOptions::default()).await.err().unwrap();
    assert!(matches!(&error, Error::Option { option, .. } if option == "master_name"), "{error}");
    let options = ConnectOptions::default().with_use_ssl(Some(Value::from("yes")));
    let error = connect("redis://h", &options).await.err().unwrap();
    assert!(
        matches!(&error, Error::Setting { setting, .. } if setting == "redis_backend_use_ssl"),
        "{error}"
    );
}

#[tokio::test]
async fn a_full_server_is_asked_again_later() {
    let server = Server::start().await;
    let client = server.client().await;
    let store = support::connect(&server).await;
    let limit = |bytes: &'static str| {
        client.custom::<fred::types::Value, _>(fred::cmd!("CONFIG"), vec!["SET", "maxmemory", bytes])
    };
    limit("1").await.unwrap();
    let error = store.store(&[result("a")]).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("OOM"), "{error}");
    limit("0").await.unwrap();
    store.store(&[result("a")]).await.unwrap();
}

#[tokio::test]
async fn a_key_of_another_type_fails_alone() {
    let server = Server::start().await;
    let client = server.client().await;
    let store = support::connect(&server).await;
    let () = client.lpush("celery-task-meta-b", "x").await.unwrap();
    let error = store.store(&[result("a"), result("b"), result("c")]).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { reason, .. } if reason.contains("WRONGTYPE")), "{error}");
    assert!(get(&store, "a").await.is_some() && get(&store, "c").await.is_some());
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let mut server = Server::start().await;
    let store = support::connect(&server).await;
    store.store(&[result("a")]).await.unwrap();
    server.kill();
    assert!(store.store(&[result("a")]).await.unwrap_err().is_transient());
    server.restart().await;
    let end = Instant::now() + Duration::from_secs(20);
    while let Err(error) = store.store(&[result("a")]).await {
        assert!(error.is_transient() && Instant::now() < end, "{error}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(get(&store, "a").await.is_some());
}
