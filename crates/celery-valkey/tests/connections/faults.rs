//! What servers do to their clients.

use std::time::{Duration, Instant};

use celery_valkey::test_server::Server;
use fred::{
    prelude::{Client, ClientLike},
    types::{Value, scripts::Script},
};

use crate::support::{open, write, writes_again};

async fn command(client: &Client, command: &'static str, arguments: &[&str]) {
    let _: Value = client
        .custom(fred::types::CustomCommand::new(command, None, false), arguments.to_vec())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_server_that_loads_its_data() {
    let mut server = Server::start_with(&["--save", "", "--enable-debug-command", "yes"]).await;
    let client = server.client().await;
    command(&client, "DEBUG", &["POPULATE", "2000"]).await;
    command(&client, "SAVE", &[]).await;
    let connection = open(&server.url()).await.unwrap();
    // The next server is slow from its beginning.
    server.kill();
    server.arguments(&["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"]);
    server.restart_loading().await;
    let errors = writes_again(&connection, "x").await;
    assert!(errors.iter().any(|error| error.contains("LOADING")), "{errors:?}");
}

#[tokio::test]
async fn a_server_that_is_made_a_replica_and_a_master_again() {
    let server = Server::start().await;
    let client = server.client().await;
    let connection = open(&server.url()).await.unwrap();
    command(&client, "REPLICAOF", &["127.0.0.1", "1"]).await;
    let error = write(&connection, "x").await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("READONLY"), "{error}");
    command(&client, "REPLICAOF", &["NO", "ONE"]).await;
    writes_again(&connection, "y").await;
}

#[tokio::test]
async fn a_server_without_memory() {
    let server = Server::start().await;
    let client = server.client().await;
    let connection = open(&server.url()).await.unwrap();
    command(&client, "CONFIG", &["SET", "maxmemory", "1"]).await;
    let error = write(&connection, "x").await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("OOM"), "{error}");
    command(&client, "CONFIG", &["SET", "maxmemory", "0"]).await;
    assert_eq!(writes_again(&connection, "y").await, [""; 0]);
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts() {
    let server = Server::start().await;
    let client = server.client().await;
    let connection = open(&server.url()).await.unwrap();
    let script = Script::from_lua("return 7");
    for _ in 0..2 {
        let reply = connection.call(&script, Vec::new(), Vec::new()).await.unwrap();
        assert_eq!(reply.as_i64(), Some(7));
        command(&client, "SCRIPT", &["FLUSH"]).await;
    }
}

#[tokio::test]
async fn a_server_that_pauses_its_clients() {
    let server = Server::start().await;
    let client = server.client().await;
    let connection = open(&server.url()).await.unwrap();
    command(&client, "CLIENT", &["PAUSE", "3500", "ALL"]).await;
    let paused = Instant::now();
    let error = write(&connection, "x").await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    while paused.elapsed() < Duration::from_millis(3500) {
        let _ = write(&connection, "x").await;
    }
    writes_again(&connection, "y").await;
}

#[tokio::test]
async fn a_server_that_says_nothing() {
    let server = Server::start().await;
    let connection = open(&server.url()).await.unwrap();
    server.signal("STOP");
    let error = write(&connection, "x").await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("in time"), "{error}");
    // Long enough that the connection is given up and new ones get no answer either.
    let stopped = Instant::now();
    while stopped.elapsed() < Duration::from_secs(4) {
        let _ = write(&connection, "x").await;
    }
    server.signal("CONT");
    writes_again(&connection, "y").await;
}

#[tokio::test]
async fn connections_that_are_killed() {
    let server = Server::start().await;
    let client = server.client().await;
    let connection = open(&server.url()).await.unwrap();
    for round in 0..10 {
        command(&client, "CLIENT", &["KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
        writes_again(&connection, &round.to_string()).await;
    }
}

#[tokio::test]
async fn a_password_that_was_changed_meanwhile_is_named() {
    let mut server = Server::start().await;
    let connection = open(&server.url()).await.unwrap();
    server.kill();
    server.arguments(&["--requirepass", "new"]);
    server.restart().await;
    let started = Instant::now();
    loop {
        let error = write(&connection, "x").await.unwrap_err();
        assert!(error.is_transient());
        if error.to_string().contains("NOAUTH") {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{error}");
    }
}
