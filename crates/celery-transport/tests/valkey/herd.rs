//! Many idle workers and few messages.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use celery_valkey::test_server::Server;
use fred::prelude::{Client, ClientLike, SortedSetsInterface};
use serde_json::json;

use crate::support::{acks, consume, push, text, until};

const WORKERS: usize = 50;

/// How often the server ran each command, those of scripts included.
async fn calls(client: &Client, command: &str) -> u64 {
    let stats = text(client.custom(fred::cmd!("INFO"), vec!["commandstats"]).await.unwrap());
    let calls = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let counts = command.is_empty() && name != "info" || name == command;
        counts.then(|| rest.split(',').next()?.parse::<u64>().ok())?
    };
    stats.lines().filter_map(calls).sum()
}

/// Workers that acknowledge what they get; the number counts what that is.
async fn herd(server: &Server, done: &Arc<AtomicUsize>) {
    for _ in 0..WORKERS {
        let (mut consumer, acknowledger) = consume(server, &["celery"], json!({})).await;
        let done = Arc::clone(done);
        tokio::spawn(async move {
            loop {
                consumer.ready().await.unwrap();
                let deliveries = consumer.fetch(40).await.unwrap();
                done.fetch_add(deliveries.len(), Ordering::SeqCst);
                acknowledger.settle(&acks(&deliveries)).await.unwrap();
            }
        });
    }
}

/// They know of each other from the first renewal of their leases on.
async fn know_each_other(client: &Client) {
    let oldest = || async {
        let leases: Vec<(String, f64)> =
            client.zrange("celery-oxide.workers", 0, 0, None, false, None, true).await.unwrap();
        leases[0].1
    };
    let newest: Vec<(String, f64)> =
        client.zrange("celery-oxide.workers", -1, -1, None, false, None, true).await.unwrap();
    until("all have renewed", || async { oldest().await > newest[0].1 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_is_not_fetched_by_all() {
    let server = Server::start().await;
    let client = server.client().await;
    let done = Arc::new(AtomicUsize::new(0));
    herd(&server, &done).await;
    know_each_other(&client).await;
    let mut fetches = Vec::new();
    for round in 1..=7 {
        let (pops, looks) = (calls(&client, "rpop").await, calls(&client, "exists").await);
        push(&client, "celery", &[&format!("t{round}")]).await;
        // Each of them was told, and looks: by asking, or by a fetch, which asks at its end.
        until("all have looked", || async { calls(&client, "exists").await >= looks + WORKERS as u64 }).await;
        assert_eq!(done.load(Ordering::SeqCst), round);
        fetches.push(calls(&client, "rpop").await - pops);
    }
    fetches.sort_unstable();
    assert!(fetches[3] <= 20, "fetches for one message: {fetches:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_costs_few_commands() {
    let server = Server::start().await;
    let client = server.client().await;
    let done = Arc::new(AtomicUsize::new(0));
    herd(&server, &done).await;
    know_each_other(&client).await;
    let before = calls(&client, "").await;
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    let tasks = 1000;
    for task in 0..tasks {
        ticks.tick().await;
        push(&client, "celery", &[&format!("t{task}")]).await;
    }
    until("all are done", || async { done.load(Ordering::SeqCst) == tasks }).await;
    let commands = calls(&client, "").await - before;
    // A fetch by each of them for each task would be several hundred.
    assert!(commands < 24 * tasks as u64, "{:.1} commands a task", commands as f64 / tasks as f64);
}
