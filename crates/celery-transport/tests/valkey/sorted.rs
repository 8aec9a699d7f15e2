//! Messages of celery-redis-plus and celery-asyncio: taken, settled, and brought back.

use std::time::{Duration, Instant};

use celery_transport::{Queue, Settlement, Transport};
use celery_valkey::test_server::Server;
use fred::prelude::{ClientLike, HashesInterface, SortedSetsInterface};
use serde_json::json;

use crate::{
    proxy::Proxy,
    sorted_order::{ASYNCIO, REDIS_PLUS, load, push_sorted, sent},
    support::{acks, broker, consume, consume_celery, exists, fetch, keys, marks, names, until},
};

/// The scores of a sorted set.
pub(crate) async fn scores(client: &fred::prelude::Client, key: &str) -> Vec<(String, f64)> {
    client.zrange(key, 0, -1, None, false, None, true).await.unwrap()
}

/// How often a message was delivered before.
async fn count(client: &fred::prelude::Client, tag: &str) -> i64 {
    client.hget(format!("message:{tag}"), "delivery_count").await.unwrap()
}

pub(crate) async fn now(client: &fred::prelude::Client) -> f64 {
    let time: Vec<f64> = client.custom(fred::cmd!("TIME"), Vec::<String>::new()).await.unwrap();
    time[0] + time[1] / 1e6
}

#[tokio::test]
async fn captured_messages_are_read_and_forgotten() {
    for captured in [REDIS_PLUS, ASYNCIO] {
        let server = Server::start().await;
        let client = server.client().await;
        let tags = load(&client, captured).await;
        let (mut consumer, acknowledger) = consume_celery(&server).await;
        let deliveries = consumer.fetch(10).await.unwrap();
        let expected = ["high", "middle", "plain", "also plain"].map(|name| tags[name].clone());
        assert_eq!(names(&deliveries), expected);
        let ranks: Vec<u16> = deliveries.iter().map(|delivery| delivery.rank).collect();
        assert_eq!(ranks, [0, 155, 255, 255]);
        for delivery in &deliveries {
            let message = delivery.message.as_ref().unwrap();
            assert!(message.body.starts_with(b"[[1, 2], {}, "), "{:?}", message.body);
            assert_eq!(message.properties.delivery_info.routing_key, "celery");
            assert_eq!(message.properties.delivery_info.redelivered, None);
            assert_eq!(&*delivery.queue, "celery");
        }
        // Out of the queue, and nobody else's for the next minutes.
        assert!(!exists(&client, "queue:celery").await);
        let deadline: f64 = client.zscore("messages_index:celery", &*tags["high"]).await.unwrap();
        assert!((deadline - now(&client).await - 360.0).abs() < 5.0);

        acknowledger.settle(&acks(&deliveries)).await.unwrap();
        acknowledger.settle(&acks(&deliveries)).await.unwrap();
        let delayed = format!("message:{}", tags["delayed"]);
        assert_eq!(keys(&client).await, ["celery-oxide.workers", &*delayed, "messages_index:celery"]);
    }
}

#[tokio::test]
async fn settled_in_every_way() {
    let server = Server::start().await;
    let client = server.client().await;
    let tags = push_sorted(&client, "celery", &[5, 5, 5, 5, 200]).await;
    let before = scores(&client, "queue:celery").await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let taken = consumer.fetch(5).await.unwrap();
    assert_eq!(names(&taken), [4, 0, 1, 2, 3].map(|index: usize| tags[index].clone()));
    let batch = [
        Settlement::Requeue(taken[1].tag.clone()),
        Settlement::Requeue(taken[2].tag.clone()),
        Settlement::Restore(taken[3].tag.clone()),
        Settlement::Reject(taken[4].tag.clone()),
        Settlement::Restore(taken[0].tag.clone()),
    ];
    acknowledger.settle(&batch).await.unwrap();
    acknowledger.settle(&batch).await.unwrap();
    // What was not started is where it was; what is requeued comes last of its priority, in order, and counts.
    let after = scores(&client, "queue:celery").await;
    assert_eq!(after[0], before[0]);
    assert_eq!(after[1], (tags[2].clone(), before.iter().find(|(tag, _)| *tag == tags[2]).unwrap().1));
    let again = consumer.fetch(9).await.unwrap();
    assert_eq!(names(&again), [4, 2, 0, 1].map(|index: usize| tags[index].clone()));
    assert_eq!(marks(&again), [false, false, true, true]);
    assert_eq!((count(&client, &tags[2]).await, count(&client, &tags[0]).await), (0, 1));
    assert!(!exists(&client, &format!("message:{}", tags[3])).await);
    acknowledger.settle(&acks(&again)).await.unwrap();
    assert_eq!(keys(&client).await, ["celery-oxide.workers"]);
}

#[tokio::test]
async fn what_is_held_at_the_end_goes_back_to_its_place() {
    let server = Server::start().await;
    let client = server.client().await;
    push_sorted(&client, "celery", &[0, 7, 0]).await;
    let before = scores(&client, "queue:celery").await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    assert_eq!(consumer.fetch(2).await.unwrap().len(), 2);
    assert_eq!(acknowledger.close().await.unwrap(), 2);
    assert_eq!(scores(&client, "queue:celery").await, before);
    assert!(!exists(&client, "celery-oxide.workers").await);
}

#[tokio::test]
async fn a_dead_workers_messages_go_to_another() {
    let server = Server::start().await;
    let client = server.client().await;
    let tags = push_sorted(&client, "celery", &[1, 9, 9]).await;
    let options = json!({"lease_timeout": 1});
    let (mut dead, acknowledger) = consume(&server, &["celery"], options.clone()).await;
    assert_eq!(dead.fetch(2).await.unwrap().len(), 2);
    let (mut alive, alive_acknowledger) = consume(&server, &["celery"], options).await;
    drop((dead, acknowledger));
    let died = Instant::now();
    let mut deliveries = fetch(&mut *alive, 3).await;
    assert!(died.elapsed() < Duration::from_secs(12), "{:?}", died.elapsed());
    deliveries.sort_by_key(|delivery| delivery.rank);
    assert_eq!(names(&deliveries), [1, 2, 0].map(|index: usize| tags[index].clone()));
    assert_eq!(marks(&deliveries), [true, true, false]);
    alive_acknowledger.settle(&acks(&deliveries)).await.unwrap();
    until("the dead worker is forgotten", || async { keys(&client).await == ["celery-oxide.workers"] }).await;
}

#[tokio::test]
async fn what_is_held_never_looks_lost_to_another_kind_of_worker() {
    let server = Server::start().await;
    let client = server.client().await;
    let tags = push_sorted(&client, "celery", &[1]).await;
    // They look a minute ahead, so the deadline is that much further away.
    let options = json!({"visibility_timeout": 5});
    let (mut consumer, _acknowledger) = consume(&server, &["celery"], options.clone()).await;
    let (mut other, _other) = consume(&server, &["celery"], options).await;
    assert_eq!(consumer.fetch(1).await.unwrap().len(), 1);
    let taken = Instant::now();
    while taken.elapsed() < Duration::from_secs(7) {
        let deadline: f64 = client.zscore("messages_index:celery", &*tags[0]).await.unwrap();
        assert!(deadline - now(&client).await > 60.0);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(other.fetch(1).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_interrupted_fetch_took_is_delivered_next() {
    let server = Server::start().await;
    let client = server.client().await;
    let proxy = Proxy::before(server.port).await;
    let (mut consumer, acknowledger) =
        broker(&proxy.url(), json!({})).consume(&[Queue::named("celery")]).await.unwrap();
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    let tags = push_sorted(&client, "celery", &[3, 2, 1]).await;
    proxy.mute();
    let fetching = tokio::spawn(async move {
        let outcome = consumer.fetch(2).await;
        (outcome, consumer)
    });
    until("the server has taken them", || async { scores(&client, "queue:celery").await.len() == 1 }).await;
    proxy.cut();
    let (outcome, mut consumer) = fetching.await.unwrap();
    assert!(outcome.unwrap_err().is_transient());
    let found = fetch(&mut *consumer, 3).await;
    assert_eq!(names(&found), tags);
    assert_eq!(found.iter().map(|delivery| delivery.rank).collect::<Vec<_>>(), [252, 253, 254]);
    let batch = acks(&found);
    until("it is settled", || async { acknowledger.settle(&batch).await.is_ok() }).await;
    assert_eq!(keys(&client).await, ["celery-oxide.workers"]);
}

#[tokio::test]
async fn one_message_in_two_queues_is_two_messages() {
    let server = Server::start().await;
    let client = server.client().await;
    let tag = sent(&client, "one", 5).await;
    // What celery-redis-plus makes of a topic exchange: the hash names the queue that was written last.
    let () = client.hset(format!("message:{tag}"), ("routing_key", "two")).await.unwrap();
    for (key, score) in [("queue:two", 2.5e15), ("messages_index:two", 1e10)] {
        let () = client.zadd(key, None, None, false, false, (score, &*tag)).await.unwrap();
    }
    let (mut consumer, acknowledger) = consume(&server, &["one", "two"], json!({})).await;
    let deliveries = consumer.fetch(9).await.unwrap();
    assert_eq!(deliveries.len(), 2);
    assert_ne!(deliveries[0].tag, deliveries[1].tag);
    acknowledger.settle(&acks(&deliveries[..1])).await.unwrap();
    acknowledger.settle(&[Settlement::Requeue(deliveries[1].tag.clone())]).await.unwrap();
    let again = consumer.fetch(9).await.unwrap();
    assert_eq!((again.len(), &again[0].queue), (1, &deliveries[1].queue));
    acknowledger.settle(&acks(&again)).await.unwrap();
    assert_eq!(keys(&client).await, ["celery-oxide.workers"]);
}

#[tokio::test]
async fn a_full_server_can_be_drained_or_nothing_is_taken() {
    let server = Server::start().await;
    let client = server.client().await;
    push_sorted(&client, "celery", &[1; 20]).await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let full = vec!["SET", "maxmemory", "1"];
    let _: fred::types::Value = client.custom(fred::cmd!("CONFIG"), full).await.unwrap();
    let mut taken = Vec::new();
    while let Ok(more) = consumer.fetch(7).await {
        if more.is_empty() {
            break;
        }
        taken.extend(more);
    }
    let left = scores(&client, "queue:celery").await.len();
    assert_eq!(taken.len() + left, 20);
    assert_eq!(taken.len(), 20, "a full server can be drained");
    acknowledger.settle(&acks(&taken)).await.unwrap();
    assert_eq!(keys(&client).await, ["celery-oxide.workers"]);
}

#[tokio::test]
async fn older_layouts_are_refused_by_name() {
    let server = Server::start().await;
    let client = server.client().await;
    // celery-redis-plus 0.3: the hash says "redelivered", not how often.
    let tag = sent(&client, "celery", 5).await;
    let () = client.hdel(format!("message:{tag}"), "delivery_count").await.unwrap();
    let () = client.hset(format!("message:{tag}"), ("redelivered", 0)).await.unwrap();
    let before = scores(&client, "queue:celery").await;
    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    let error = consumer.fetch(4).await.unwrap_err();
    assert!(!error.is_transient());
    assert!(error.to_string().contains("celery-redis-plus 0.3"), "{error}");
    assert_eq!(scores(&client, "queue:celery").await, before);

    // celery-redis-plus 0.2: one index for all queues.
    let () = client.zadd("messages_index", None, None, false, false, (1.0, "tag")).await.unwrap();
    let error = broker(&server.url(), json!({})).consume(&[Queue::named("celery")]).await.err().unwrap();
    assert!(error.to_string().contains("celery-redis-plus 0.3 or older"), "{error}");
}
