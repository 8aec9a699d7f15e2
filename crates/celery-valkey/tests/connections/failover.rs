//! Several brokers that stand in for each other.

use std::time::{Duration, Instant};

use celery_valkey::{Access, Connection, test_server::Server};

use crate::support::{SOON, address, address_with, open, port, settings, until, write, writes_again};

async fn pair() -> (Server, Server, String) {
    let (first, second) = (Server::start().await, Server::start().await);
    let urls = format!("{};{}", first.url(), second.url());
    (first, second, urls)
}

#[tokio::test]
async fn the_first_that_answers() {
    let (mut first, second, urls) = pair().await;
    assert_eq!(port(&open(&urls).await.unwrap()).await, first.port);
    first.kill();
    let started = Instant::now();
    assert_eq!(port(&open(&urls).await.unwrap()).await, second.port);
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn nobody_is_there() {
    let (mut first, mut second, urls) = pair().await;
    first.kill();
    second.kill();
    let error = open(&urls).await.err().unwrap();
    assert!(error.is_transient() && error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn all_connections_go_on_together_and_back_again() {
    let (mut first, mut second, urls) = pair().await;
    let address = address(&urls);
    let one = Connection::open(&address, &settings()).await.unwrap();
    let other = Connection::open(&address, &settings()).await.unwrap();
    let mut reconnects = other.reconnects();
    first.kill();
    writes_again(&one, "x").await;
    writes_again(&other, "y").await;
    assert_eq!((port(&one).await, port(&other).await), (second.port, second.port));
    assert!(reconnects.try_recv().is_ok());
    // After the last comes the first, if it is back.
    first.restart().await;
    second.kill();
    writes_again(&one, "x").await;
    writes_again(&other, "y").await;
    assert_eq!((port(&one).await, port(&other).await), (first.port, first.port));
}

#[tokio::test]
async fn one_that_becomes_a_replica_is_left_and_a_replica_is_not_chosen() {
    let (first, second, urls) = pair().await;
    let third = Server::start().await;
    let urls = format!("{urls};{}", third.url());
    let replica_of = async |server: &Server, host: &str, port: &str| {
        let _: fred::types::Value = fred::prelude::ClientLike::custom(
            &server.client().await,
            fred::cmd!("REPLICAOF"),
            vec![host, port],
        )
        .await
        .unwrap();
    };
    replica_of(&second, "127.0.0.1", "1").await;
    let connection = open(&urls).await.unwrap();
    assert_eq!(port(&connection).await, first.port);
    replica_of(&first, "127.0.0.1", "1").await;
    writes_again(&connection, "x").await;
    assert_eq!(port(&connection).await, third.port);
    // Nor is it at the start.
    assert_eq!(port(&open(&urls).await.unwrap()).await, third.port);
    replica_of(&third, "127.0.0.1", "1").await;
    let error = open(&urls).await.err().unwrap();
    assert!(error.is_transient() && error.to_string().contains("it is a replica"), "{error}");
    // With all of them away the connection waits for one.
    replica_of(&first, "NO", "ONE").await;
    writes_again(&connection, "y").await;
    assert_eq!(port(&connection).await, first.port);
}

#[tokio::test]
async fn one_that_is_lost_for_a_moment_is_not_left() {
    let (first, _second, urls) = pair().await;
    let connection = open(&urls).await.unwrap();
    let mut reconnects = connection.reconnects();
    let client = first.client().await;
    let kill = vec!["KILL", "TYPE", "normal", "SKIPME", "yes"];
    let _: fred::types::Value =
        fred::prelude::ClientLike::custom(&client, fred::cmd!("CLIENT"), kill).await.unwrap();
    tokio::time::timeout(SOON, reconnects.recv()).await.unwrap().unwrap();
    // Past the time in which it may come back.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(port(&connection).await, first.port);
}

#[tokio::test]
async fn who_was_away_when_the_others_went_on_follows() {
    let (first, second, urls) = pair().await;
    let address = address(&urls);
    let one = Connection::open(&address, &settings()).await.unwrap();
    let other = Connection::open(&address, &settings()).await.unwrap();
    // It accepts connections and says nothing.
    first.signal("STOP");
    let mut errors = 0;
    let end = Instant::now() + Duration::from_secs(15);
    while write(&one, "x").await.is_err() {
        errors += 1;
        assert!(Instant::now() < end);
    }
    assert!(errors > 0);
    until("the other follows", || async { write(&other, "y").await.is_ok() }).await;
    first.signal("CONT");
    assert_eq!((port(&one).await, port(&other).await), (second.port, second.port));
}

#[tokio::test]
async fn shuffled() {
    let (mut first, second, urls) = pair().await;
    let access = Access { failover_strategy: Some("shuffle".to_owned()), ..Access::default() };
    let connection = Connection::open(&address_with(&urls, &access), &settings()).await.unwrap();
    assert_eq!(port(&connection).await, first.port);
    first.kill();
    writes_again(&connection, "x").await;
    assert_eq!(port(&connection).await, second.port);
}
