//! Waking without polling.

use std::time::{Duration, Instant};

use celery_valkey::test_server::Server;
use fred::prelude::{ClientLike, ListInterface};
use serde_json::json;

use crate::{
    proxy::Proxy,
    support::{acks, broker, consume, consume_celery, envelope, fetch, names, push, text, until},
};

/// How many commands the server has run, scripts' own included.
async fn commands(client: &fred::prelude::Client) -> u64 {
    let stats = text(client.custom(fred::cmd!("INFO"), vec!["commandstats"]).await.unwrap());
    let calls = |line: &str| line.split("calls=").nth(1)?.split(',').next()?.parse::<u64>().ok();
    stats.lines().filter(|line| !line.starts_with("cmdstat_info")).filter_map(calls).sum()
}

/// The same, once what a consumer does at its start is over.
async fn quiet(client: &fred::prelude::Client) -> u64 {
    let (mut last, mut same) = (commands(client).await, 0);
    while same < 50 {
        let now = commands(client).await;
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    last
}

#[tokio::test]
async fn a_push_wakes_at_once_and_waiting_costs_nothing() {
    let server = Server::start().await;
    let client = server.client().await;
    let (mut consumer, acknowledger) = consume(&server, &["one", "two"], json!({})).await;
    for list in ["one", "two", "one\x06\x169"] {
        assert!(consumer.fetch(4).await.unwrap().is_empty());
        let before = quiet(&client).await;
        let idle = tokio::time::timeout(Duration::from_secs(1), consumer.ready()).await;
        assert!(idle.is_err(), "woke for nothing");
        let cost = commands(&client).await - before;
        // A renewal of the lease and a look at what is due may fall into this second, and nothing else.
        assert!(cost <= 8 + 4, "{cost} commands");

        let waiting = tokio::spawn(async move {
            consumer.ready().await.unwrap();
            (Instant::now(), consumer)
        });
        let pushed = Instant::now();
        let () = client.lpush(list, envelope("a", "one", 0)).await.unwrap();
        let woken;
        (woken, consumer) = waiting.await.unwrap();
        // Who polls would look after a second at the earliest.
        assert!(woken - pushed < Duration::from_millis(900), "{:?}", woken - pushed);
        let deliveries = consumer.fetch(4).await.unwrap();
        assert_eq!(names(&deliveries), ["a"]);
        acknowledger.settle(&acks(&deliveries)).await.unwrap();
    }
}

#[tokio::test]
async fn ready_returns_at_once_when_more_may_be_there() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a", "b"]).await;
    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    consumer.ready().await.unwrap();
    assert_eq!(consumer.fetch(1).await.unwrap().len(), 1);
    // The credit was used up, so the queue may hold more.
    let ready = tokio::time::timeout(Duration::from_secs(5), consumer.ready()).await;
    assert!(ready.is_ok());
    assert_eq!(consumer.fetch(2).await.unwrap().len(), 1);
    // A push between the fetch and the wait is not missed.
    push(&client, "celery", &["c"]).await;
    let ready = tokio::time::timeout(Duration::from_secs(5), consumer.ready()).await;
    assert!(ready.is_ok());
    // Nor when the wait was given up after it woke.
    let ready = tokio::time::timeout(Duration::from_secs(5), consumer.ready()).await;
    assert!(ready.is_ok());
}

#[tokio::test]
async fn restored_messages_wake_other_workers() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    let (mut first, first_acknowledger) = consume_celery(&server).await;
    assert_eq!(first.fetch(1).await.unwrap().len(), 1);
    let (mut second, _acknowledger) = consume_celery(&server).await;
    assert!(second.fetch(1).await.unwrap().is_empty());
    first_acknowledger.close().await.unwrap();
    tokio::time::timeout(Duration::from_secs(2), second.ready()).await.unwrap().unwrap();
    assert_eq!(names(&second.fetch(1).await.unwrap()), ["a"]);
}

#[tokio::test]
async fn a_server_that_refuses_tracking_is_polled() {
    let server = Server::start().await;
    let client = server.client().await;
    let rules = vec!["SETUSER", "limited", "on", ">pw", "~*", "&*", "+@all", "-client|tracking"];
    let _: fred::types::Value = client.custom(fred::cmd!("ACL"), rules).await.unwrap();
    let url = format!("redis://limited:pw@127.0.0.1:{}/0", server.port);
    let broker = broker(&url, json!({}));
    let (mut consumer, _acknowledger) =
        celery_transport::Transport::consume(&broker, &[celery_transport::Queue::named("celery")])
            .await
            .unwrap();
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    push(&client, "celery", &["a"]).await;
    tokio::time::timeout(Duration::from_secs(3), consumer.ready()).await.unwrap().unwrap();
    assert_eq!(names(&consumer.fetch(1).await.unwrap()), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_hears_nothing_any_more_is_given_up() {
    let server = Server::start().await;
    let client = server.client().await;
    let proxy = Proxy::before(server.port).await;
    let broker = broker(&proxy.url(), json!({"socket_timeout": 0.5}));
    let (mut consumer, acknowledger) =
        celery_transport::Transport::consume(&broker, &[celery_transport::Queue::named("celery")])
            .await
            .unwrap();
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    // Half open: what is sent arrives, and nothing comes back.
    proxy.mute();
    push(&client, "celery", &["a"]).await;
    let deliveries = fetch(&mut *consumer, 1).await;
    assert_eq!(names(&deliveries), ["a"]);
    let batch = acks(&deliveries);
    until("it is settled", || async { acknowledger.settle(&batch).await.is_ok() }).await;
    push(&client, "celery", &["b"]).await;
    assert_eq!(names(&fetch(&mut *consumer, 1).await), ["b"]);
}

#[tokio::test]
async fn a_restarted_server_wakes_who_waits() {
    let mut server = Server::start().await;
    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    server.kill();
    server.restart().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    let back = Instant::now();
    assert_eq!(names(&fetch(&mut *consumer, 1).await), ["a"]);
    assert!(back.elapsed() < Duration::from_secs(12), "{:?}", back.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_listens_notices_a_half_open_connection_too() {
    let server = Server::start().await;
    let client = server.client().await;
    let proxy = Proxy::before(server.port).await;
    let broker = broker(&proxy.url(), json!({}));
    let (mut consumer, _acknowledger) =
        celery_transport::Transport::consume(&broker, &[celery_transport::Queue::named("celery")])
            .await
            .unwrap();
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    proxy.mute();
    push(&client, "celery", &["a"]).await;
    // Nothing is sent on it by which its end could be noticed; a command would take 10 s to time out.
    tokio::time::timeout(Duration::from_secs(9), consumer.ready()).await.unwrap().unwrap();
    assert_eq!(names(&fetch(&mut *consumer, 1).await), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_only_slow_keeps_its_connections() {
    let server = Server::start().await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    server.signal("STOP");
    tokio::time::timeout(Duration::from_secs(6), consumer.ready()).await.unwrap_err();
    server.signal("CONT");
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    consumer.ready().await.unwrap();
    assert_eq!(names(&consumer.fetch(1).await.unwrap()), ["a"]);
    assert_eq!(acknowledger.statistics().reconnects, 0);
}
