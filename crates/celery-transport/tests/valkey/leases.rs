//! Dead workers lose their messages, live ones keep them.

use std::time::{Duration, Instant};

use celery_transport::Settlement;
use celery_valkey::test_server::Server;
use fred::prelude::{HashesInterface, SortedSetsInterface};
use serde_json::json;

use crate::support::{acks, consume, fetch, keys, marks, names, push, unacked, until};

#[tokio::test]
async fn a_dead_workers_messages_go_to_another() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a", "b", "c", "d"]).await;
    let (mut dead, acknowledger) = consume(&server, &["celery"], json!({"lease_timeout": 1})).await;
    assert_eq!(dead.fetch(3).await.unwrap().len(), 3);
    // Settling goes on without the consumer, and keeps the lease alive.
    drop(dead);
    let (mut alive, alive_acknowledger) = consume(&server, &["celery"], json!({"lease_timeout": 1})).await;
    let fourth = alive.fetch(9).await.unwrap();
    assert_eq!(names(&fourth), ["d"]);
    tokio::time::timeout(Duration::from_millis(2500), alive.ready()).await.unwrap_err();
    assert_eq!(unacked(&client).await, 4);

    drop(acknowledger);
    let died = Instant::now();
    let deliveries = fetch(&mut *alive, 3).await;
    assert!(died.elapsed() < Duration::from_secs(12), "{:?}", died.elapsed());
    assert_eq!(names(&deliveries), ["a", "b", "c"]);
    assert_eq!(marks(&deliveries), [true, true, true]);
    alive_acknowledger.settle(&acks(&deliveries)).await.unwrap();
    alive_acknowledger.settle(&acks(&fourth)).await.unwrap();
    until("the dead worker is forgotten", || async { keys(&client).await == ["celery-oxide.workers"] }).await;
    let workers: usize = client.zcard("celery-oxide.workers").await.unwrap();
    assert_eq!(workers, 1);
}

/// After an outage all leases have run out, and one worker is back before the others.
#[tokio::test]
async fn who_is_back_first_does_not_take_the_others_for_dead() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a", "b", "c", "d"]).await;
    let options = json!({"lease_timeout": 1});
    let (mut first, _first) = consume(&server, &["celery"], options.clone()).await;
    assert_eq!(first.fetch(2).await.unwrap().len(), 2);
    let (mut second, _second) = consume(&server, &["celery"], options).await;
    assert_eq!(second.fetch(2).await.unwrap().len(), 2);
    let earliest = async || {
        let leases: Vec<(String, f64)> =
            client.zrange("celery-oxide.workers", 0, -1, None, false, None, true).await.unwrap();
        (leases[0].1, leases)
    };
    // Which of them renews first is chance: often enough it is either.
    for _ in 0..6 {
        let (before, leases) = earliest().await;
        until("both have been steady for a while", || async { earliest().await.0 > before + 1.0 }).await;
        let time = client_time(&client).await;
        let now = time[0] + time[1] / 1e6;
        for (worker, _) in leases {
            let () =
                client.zadd("celery-oxide.workers", None, None, false, false, (now, worker)).await.unwrap();
        }
        until("both have their leases again", || async { earliest().await.0 > before }).await;
    }
    assert!(first.fetch(9).await.unwrap().is_empty());
    assert_eq!(unacked(&client).await, 4);
}

#[tokio::test]
async fn two_sweepers_never_double() {
    let server = Server::start().await;
    let client = server.client().await;
    let tags: Vec<String> = (0..300).map(|number| format!("t{number}")).collect();
    push(&client, "celery", &tags.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let options = json!({"lease_timeout": 0.2});
    let (mut dead, acknowledger) = consume(&server, &["celery"], options.clone()).await;
    assert_eq!(dead.fetch(300).await.unwrap().len(), 300);
    let (mut first, _first) = consume(&server, &["celery"], options.clone()).await;
    let (mut second, _second) = consume(&server, &["celery"], options).await;
    drop((dead, acknowledger));
    let mut all = Vec::new();
    while all.len() < 300 {
        all.extend(names(&first.fetch(40).await.unwrap()));
        all.extend(names(&second.fetch(40).await.unwrap()));
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 300);
    assert_eq!(unacked(&client).await, 300);
    assert!(first.fetch(1).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_held_never_looks_old_to_a_stock_worker() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a", "b"]).await;
    let options =
        json!({"visibility_timeout": 3, "unacked_restore_interval": 0.1, "unacked_restore_throttle": 1});
    let (mut consumer, _acknowledger) = consume(&server, &["celery"], options.clone()).await;
    let (mut other, _other) = consume(&server, &["celery"], options).await;
    let deliveries = consumer.fetch(2).await.unwrap();
    let tags: Vec<&str> = deliveries.iter().map(|delivery| &*delivery.tag.0).collect();
    let taken = Instant::now();
    while taken.elapsed() < Duration::from_secs(7) {
        let index: Vec<(String, f64)> =
            client.zrange("unacked_index", 0, -1, None, false, None, true).await.unwrap();
        assert_eq!(index.iter().map(|(tag, _)| tag.as_str()).collect::<Vec<_>>(), tags);
        let time: Vec<f64> = client_time(&client).await;
        let age = time[0] + time[1] / 1e6 - index[0].1;
        assert!(age < 3.0, "{age}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(other.fetch(1).await.unwrap().is_empty());
}

async fn client_time(client: &fred::prelude::Client) -> Vec<f64> {
    use fred::prelude::ClientLike;
    client.custom(fred::cmd!("TIME"), Vec::<String>::new()).await.unwrap()
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_settles_nothing_and_rejoins() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    // Renewed every five seconds: it does not notice before it fetches again.
    let (mut paused, paused_acknowledger) = consume(&server, &["celery"], json!({"lease_timeout": 60})).await;
    let first = paused.fetch(1).await.unwrap();
    let workers: Vec<String> =
        client.zrange("celery-oxide.workers", 0, -1, None, false, None, false).await.unwrap();
    let () =
        client.zadd("celery-oxide.workers", None, None, false, false, (1.0, &*workers[0])).await.unwrap();

    let (mut other, other_acknowledger) = consume(&server, &["celery"], json!({"lease_timeout": 0.2})).await;
    let second = fetch(&mut *other, 1).await;
    assert_eq!((names(&second), marks(&second)), (vec!["a".to_owned()], vec![true]));

    // The message is another worker's now.
    paused_acknowledger.settle(&acks(&first)).await.unwrap();
    paused_acknowledger.settle(&[Settlement::Requeue(first[0].tag.clone())]).await.unwrap();
    let held: bool = client.hexists("unacked", &*second[0].tag.0).await.unwrap();
    assert!(held);
    other_acknowledger.settle(&acks(&second)).await.unwrap();

    push(&client, "celery", &["b"]).await;
    assert_eq!(names(&fetch(&mut *paused, 1).await), ["b"]);
    let deadline: f64 = client.zscore("celery-oxide.workers", &*workers[0]).await.unwrap();
    assert!(deadline > 1e9);
}
