//! Watches: what they cost, and across lost connections.

use std::time::Duration;

use bytes::Bytes;
use celery_results::{ConnectOptions, Error, ResultReader, ResultStore, Watch, valkey::Valkey};
use celery_valkey::test_server::Server;
use fred::{
    prelude::{Client, ClientLike, KeysInterface},
    types::Value,
};

use crate::support::{connect, day, meta, until};

/// A result in time, or the test fails.
async fn next(watch: &mut Watch) -> Bytes {
    tokio::time::timeout(Duration::from_secs(20), watch.next()).await.expect("a result").unwrap()
}

async fn command(client: &Client, words: &[&str]) -> Value {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let (command, arguments) = words.split_first().unwrap();
    client
        .custom(fred::types::CustomCommand::new(command.clone(), None, false), arguments.to_vec())
        .await
        .unwrap()
}

/// The channels that somebody is subscribed to.
async fn channels(client: &Client) -> usize {
    command(client, &["PUBSUB", "CHANNELS"]).await.into_array().len()
}

/// How many times the server ran `name`.
async fn calls(client: &Client, name: &str) -> usize {
    let stats = command(client, &["INFO", "commandstats"]).await.into_string().unwrap();
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn watches_that_end_are_unsubscribed() {
    let server = Server::start().await;
    let client = server.client().await;
    let backend = connect(&server).await;
    let first = backend.watch("a").await.unwrap();
    let second = backend.watch("a").await.unwrap();
    until("it is subscribed", || async { channels(&client).await == 1 }).await;
    drop(first);
    let mut other = backend.watch("b").await.unwrap();
    until("the other is subscribed", || async { channels(&client).await == 2 }).await;
    drop(second);
    until("one is left", || async { channels(&client).await == 1 }).await;
    // Watched again at once, it is not unsubscribed by the watch that ends.
    let ending = backend.watch("a").await.unwrap();
    drop(ending);
    let mut again = backend.watch("a").await.unwrap();
    backend.store(&[day("a", meta("SUCCESS", "1")), day("b", meta("SUCCESS", "2"))]).await.unwrap();
    assert_eq!(next(&mut again).await, meta("SUCCESS", "1"));
    assert_eq!(next(&mut other).await, meta("SUCCESS", "2"));
    // Watches outlive the value they came from, and the connection ends with the last of them.
    drop(backend);
    let () = client.publish_meta("celery-task-meta-b", meta("FAILURE", "3")).await;
    assert_eq!(next(&mut other).await, meta("FAILURE", "3"));
    drop((again, other));
    until("the connections end", || async {
        command(&client, &["CLIENT", "LIST"]).await.into_string().unwrap().lines().count() == 1
    })
    .await;
}

trait PublishMeta {
    async fn publish_meta(&self, channel: &str, meta: Bytes);
}

impl PublishMeta for Client {
    async fn publish_meta(&self, channel: &str, meta: Bytes) {
        use fred::prelude::PubsubInterface;
        let heard: usize = self.publish(channel, meta).await.unwrap();
        assert_eq!(heard, 1);
    }
}

#[tokio::test]
async fn lost_connections_lose_no_result() {
    let server = Server::start().await;
    let client = server.client().await;
    let backend = connect(&server).await;
    for (round, kill) in [["TYPE", "pubsub"], ["TYPE", "normal"], ["TYPE", "pubsub"]].iter().enumerate() {
        let ids: Vec<String> = (0..50).map(|number| format!("r{round}-{number}")).collect();
        let mut watches = Vec::new();
        for id in &ids {
            watches.push(backend.watch(id).await.unwrap());
        }
        until("all are subscribed", || async { channels(&client).await == 50 }).await;
        // Stored behind the back of the connection: nobody is told, so only reading again finds it.
        command(&client, &["CLIENT", "KILL", kill[0], kill[1], "SKIPME", "yes"]).await;
        for id in &ids[..25] {
            let () = client
                .set(format!("celery-task-meta-{id}"), meta("SUCCESS", id), None, None, false)
                .await
                .unwrap();
        }
        if kill[1] == "normal" {
            command(&client, &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        }
        for (id, watch) in ids.iter().zip(&mut watches).take(25) {
            assert_eq!(next(watch).await, meta("SUCCESS", id));
        }
        // And what is stored afterwards is heard.
        let late: Vec<_> = ids[25..].iter().map(|id| day(id, meta("SUCCESS", id))).collect();
        until("the store is back", || async { backend.store(&late).await.is_ok() }).await;
        for (id, watch) in ids.iter().zip(&mut watches).skip(25) {
            assert_eq!(next(watch).await, meta("SUCCESS", id));
        }
        drop(watches);
        until("all are unsubscribed", || async { channels(&client).await == 0 }).await;
    }
}

#[tokio::test]
async fn a_restarted_server_is_watched_again() {
    let mut server = Server::start().await;
    let backend = connect(&server).await;
    let mut watch = backend.watch("a").await.unwrap();
    backend.store(&[day("a", meta("STARTED", "1"))]).await.unwrap();
    next(&mut watch).await;
    server.kill();
    let mut during = backend.watch("b").await.unwrap();
    server.restart().await;
    let both = [day("a", meta("SUCCESS", "1")), day("b", meta("SUCCESS", "2"))];
    until("the store is back", || async { backend.store(&both).await.is_ok() }).await;
    assert_eq!(next(&mut watch).await, meta("SUCCESS", "1"));
    assert_eq!(next(&mut during).await, meta("SUCCESS", "2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_share_a_connection() {
    const COUNT: usize = 5000;
    let server = Server::start().await;
    let client = server.client().await;
    let backend = connect(&server).await;
    let mut watches = Vec::new();
    for number in 0..COUNT {
        watches.push(backend.watch(&format!("t{number}")).await.unwrap());
    }
    let waiting: Vec<_> = watches
        .into_iter()
        .map(|mut watch| tokio::spawn(async move { (next(&mut watch).await, watch) }))
        .collect();
    until("all are subscribed", || async { channels(&client).await == COUNT }).await;
    // In bursts, while a client goes on looking at the server.
    let results: Vec<_> =
        (0..COUNT).map(|number| day(&format!("t{number}"), meta("SUCCESS", &number.to_string()))).collect();
    for burst in results.chunks(1250) {
        backend.store(burst).await.unwrap();
    }
    for (number, waiting) in waiting.into_iter().enumerate() {
        let (result, _watch) = waiting.await.unwrap();
        assert_eq!(result, meta("SUCCESS", &number.to_string()));
    }
    until("all are unsubscribed", || async { channels(&client).await == 0 }).await;
    let list = command(&client, &["CLIENT", "LIST"]).await.into_string().unwrap();
    assert_eq!(list.lines().filter(|line| line.contains("name=celery@test")).count(), 2, "{list}");
    let subscribes = calls(&client, "subscribe").await;
    let reads = calls(&client, "mget").await;
    assert!(subscribes < COUNT / 20 && reads < COUNT / 20, "{subscribes} SUBSCRIBE, {reads} MGET");
}

#[tokio::test]
async fn a_server_that_refuses_says_so() {
    let server = Server::start().await;
    let client = server.client().await;
    command(&client, &["ACL", "SETUSER", "u", "on", ">p", "~*", "+@all", "resetchannels", "&other"]).await;
    let url = format!("redis://u:p@127.0.0.1:{}/0", server.port);
    let backend = Valkey::connect(&url, &ConnectOptions::default()).await.unwrap();
    let mut watch = backend.watch("a").await.unwrap();
    for _ in 0..2 {
        let error = watch.next().await.unwrap_err();
        assert!(matches!(&error, Error::Refused { reason, .. } if reason.contains("NOPERM")), "{error}");
        assert!(!error.to_string().contains(":p@"), "{error}");
    }
    // Once it is allowed, who watches again is told.
    command(&client, &["ACL", "SETUSER", "u", "allchannels"]).await;
    let mut again = backend.watch("a").await.unwrap();
    until("the store is there", || async { backend.store(&[day("a", meta("SUCCESS", "1"))]).await.is_ok() })
        .await;
    assert_eq!(next(&mut again).await, meta("SUCCESS", "1"));
}
