//! Who is taken for dead, and what does not cost a live worker its lease.

use std::time::Duration;

use celery_transport::{Queue, Transport};
use celery_valkey::test_server::Server;
use fred::prelude::{Client, ClientLike, HashesInterface, SortedSetsInterface};
use serde_json::json;

use crate::{
    proxy::Proxy,
    support::{Halves, broker, consume, envelope, exists, fetch, marks, names, push, unacked, until},
};

/// A consumer of `celery` behind a proxy.
async fn consume_behind(proxy: &Proxy, options: serde_json::Value) -> Halves {
    broker(&proxy.url(), options).consume(&[Queue::named("celery")]).await.unwrap()
}

/// The end of each lease in seconds from now, by the ids of the workers.
async fn leases(client: &Client) -> Vec<(String, f64)> {
    let time: Vec<f64> = client.custom(fred::cmd!("TIME"), Vec::<String>::new()).await.unwrap();
    let now = time[0] + time[1] / 1e6;
    let leases: Vec<(String, f64)> =
        client.zrange("celery-oxide.workers", 0, -1, None, false, None, true).await.unwrap();
    leases.into_iter().map(|(worker, end)| (worker, end - now)).collect()
}

/// Watches a lease until `done`; it must not end.
async fn holds_until(client: &Client, worker: &str, done: impl AsyncFn() -> bool) {
    while !done().await {
        let left = leases(client).await.into_iter().find(|(id, _)| id == worker);
        let (_, left) = left.expect("the lease is gone");
        assert!(left > 0.0, "the lease ended {:.3} s ago", -left);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A worker that is killed again and again, each time before it has been there for long.
#[tokio::test]
async fn messages_come_back_though_no_worker_lives_long() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a", "b"]).await;
    let options = || json!({"lease_timeout": 1});
    let (mut dead, acknowledger) = consume(&server, &["celery"], options()).await;
    assert_eq!(dead.fetch(1).await.unwrap().len(), 1);
    drop((dead, acknowledger));
    let mut found = Vec::new();
    for life in 0.. {
        assert!(life < 100, "only {found:?} came back");
        let (mut consumer, _acknowledger) = consume(&server, &["celery"], options()).await;
        let mut deliveries = consumer.fetch(2).await.unwrap();
        if tokio::time::timeout(Duration::from_millis(100), consumer.ready()).await.is_ok() {
            deliveries.extend(consumer.fetch(2).await.unwrap());
        }
        found.extend(names(&deliveries).into_iter().zip(marks(&deliveries)));
        // What was taken from a list for the first time is lost again, and comes back as well.
        if found.contains(&("a".to_owned(), true)) && found.contains(&("b".to_owned(), true)) {
            break;
        }
    }
}

/// The server was there all the time, and everybody was cut off from it; a new worker is the first that is back.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_new_after_an_outage_does_not_take_the_others_for_dead() {
    let server = Server::start().await;
    let client = server.client().await;
    let proxy = Proxy::before(server.port).await;
    push(&client, "celery", &["a"]).await;
    let options = json!({"lease_timeout": 6});
    let (mut first, _first) = consume_behind(&proxy, options.clone()).await;
    assert_eq!(names(&first.fetch(1).await.unwrap()), ["a"]);
    let worker = leases(&client).await.remove(0).0;
    proxy.refuse(true);
    until("the lease has ended", || async { leases(&client).await[0].1 < -0.5 }).await;
    let (mut second, _second) = consume(&server, &["celery"], options).await;
    proxy.refuse(false);
    until("the first has a lease again", || async {
        leases(&client).await.iter().any(|(id, left)| *id == worker && *left > 0.0)
    })
    .await;
    assert!(second.fetch(1).await.unwrap().is_empty());
    assert!(exists(&client, &format!("celery-oxide.worker.{worker}")).await);
}

/// Others, whose connections work, renew all the time.
#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_connection_costs_no_lease() {
    let server = Server::start().await;
    let client = server.client().await;
    let proxy = Proxy::before(server.port).await;
    let options = json!({"lease_timeout": 10, "socket_timeout": 6});
    let (_consumer, _acknowledger) = consume_behind(&proxy, options.clone()).await;
    let worker = leases(&client).await.remove(0).0;
    let (_other, _other_acknowledger) = consume(&server, &["celery"], options).await;
    let renewed = async || leases(&client).await.iter().any(|(id, left)| *id == worker && *left > 9.5);
    // At the worst moment: when all that is done at a tick has been done.
    until("it is renewed", &renewed).await;
    until("that was a while ago", || async { !renewed().await }).await;
    proxy.freeze();
    holds_until(&client, &worker, renewed).await;
}

/// Restoring takes several times as long as a lease.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_restore_costs_no_lease() {
    let server = Server::start().await;
    let client = server.client().await;
    let proxy = Proxy::before(server.port).await;
    for batch in 0..60 {
        let tags: Vec<String> = (0..100).map(|number| format!("t{}", 100 * batch + number)).collect();
        let triple = |tag: &String| format!("[{}, \"\", \"celery\"]", envelope(tag, "celery", 0));
        let fields: Vec<(String, String)> = tags.iter().map(|tag| (tag.clone(), triple(tag))).collect();
        let scores: Vec<(f64, String)> = tags.into_iter().map(|tag| (1000.0, tag)).collect();
        let () = client.hset("unacked", fields).await.unwrap();
        let () = client.zadd("unacked_index", None, None, false, false, scores).await.unwrap();
    }
    let (mut consumer, _acknowledger) = consume_behind(&proxy, json!({"lease_timeout": 3})).await;
    let worker = leases(&client).await.remove(0).0;
    proxy.delay(Duration::from_millis(100));
    let started = std::time::Instant::now();
    holds_until(&client, &worker, async || unacked(&client).await == 0).await;
    assert!(started.elapsed() > Duration::from_secs(6), "it was not long: {:?}", started.elapsed());
    proxy.delay(Duration::ZERO);
    assert_eq!(fetch(&mut *consumer, 200).await.len(), 200);
}
