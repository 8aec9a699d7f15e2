//! Bindings in sorted sets, and publishing into sorted sets.

use std::time::Duration;

use celery_protocol::Message;
use celery_transport::{Publication, Queue, Transport};
use celery_valkey::test_server::Server;
use fred::prelude::{HashesInterface, KeysInterface, ListInterface, SetsInterface, SortedSetsInterface};
use serde_json::json;

use crate::{
    sorted::{now, scores},
    sorted_order::{ASYNCIO, REDIS_PLUS, load, push_sorted},
    support::{TASK, broker, envelope, exists, keys, names},
};

/// A task message, as a client makes it.
fn task(priority: u8) -> Message {
    let mut message = Message::from_envelope(TASK.as_bytes()).unwrap();
    message.properties.priority = Some(priority);
    message
}

/// `valkey://` to a test server, whose own URL is `redis://`.
fn valkey(server: &Server) -> String {
    server.url().replacen("redis://", "valkey://", 1)
}

#[tokio::test]
async fn bindings_in_a_sorted_set_stay_one_and_are_used() {
    for captured in [REDIS_PLUS, ASYNCIO] {
        let server = Server::start().await;
        let client = server.client().await;
        load(&client, captured).await;
        let broker = broker(&server.url(), json!({}));
        let replies = Queue::named("r").bound_to("celery", "direct", "r").expiring(Duration::from_secs(10));
        let publisher = broker.publisher().await.unwrap();
        publisher
            .declare(&[
                Queue::named("celery"),
                Queue::named("more").bound_to("celery", "direct", "more"),
                replies,
            ])
            .await
            .unwrap();
        let kind: String = client.r#type("_kombu.binding.celery").await.unwrap();
        assert_eq!(kind, "zset");
        let permanent: f64 =
            client.zscore("_kombu.binding.celery", "more\x06\x16\x06\x16more").await.unwrap();
        assert!(permanent.is_infinite());
        let expiring: f64 = client.zscore("_kombu.binding.celery", "r\x06\x16\x06\x16r").await.unwrap();
        assert!(expiring > now(&client).await + 300.0 && expiring.is_finite());

        // Whoever binds like this looks in sorted sets, whatever our URL is.
        publisher.publish_all(&[Publication::new("celery", "celery", task(200))]).await.unwrap();
        assert!(!exists(&client, "celery").await);
        assert_eq!(scores(&client, "queue:celery").await.len(), 5);
        publisher.delete(&[Queue::named("more").bound_to("celery", "direct", "more")]).await.unwrap();
        let gone: Option<f64> =
            client.zscore("_kombu.binding.celery", "more\x06\x16\x06\x16more").await.unwrap();
        assert_eq!(gone, None);
    }
}

#[tokio::test]
async fn stale_bindings_are_not_used_and_early_ones_are_read() {
    let server = Server::start().await;
    let client = server.client().await;
    for (score, member) in [
        (1.0, "k\x06\x16\x06\x16stale"),
        (f64::INFINITY, "k\x06\x16\x06\x16fresh"),
        (f64::INFINITY, r#"{"queue": "early", "routing_key": "k"}"#),
    ] {
        let () = client.zadd("_kombu.binding.jobs", None, None, false, false, (score, member)).await.unwrap();
    }
    let publisher = broker(&server.url(), json!({})).publisher().await.unwrap();
    publisher.publish_all(&[Publication::new("jobs", "k", task(0))]).await.unwrap();
    assert!(exists(&client, "queue:fresh").await && exists(&client, "queue:early").await);
    assert!(!exists(&client, "queue:stale").await);
}

#[tokio::test]
async fn valkey_urls_put_tasks_into_sorted_sets() {
    let server = Server::start().await;
    let client = server.client().await;
    let broker = broker(&valkey(&server), json!({}));
    let publisher = broker.publisher().await.unwrap();
    publisher.declare(&[Queue::named("celery")]).await.unwrap();
    let bound: usize = client.scard("_kombu.binding.celery").await.unwrap();
    assert_eq!(bound, 1, "bindings stay as stock producers have them");
    let batch: Vec<_> = [0, 255, 7, 0, 255]
        .into_iter()
        .enumerate()
        .map(|(index, priority)| {
            let mut message = task(priority);
            message.properties.correlation_id = Some(index.to_string());
            let exchange = if index == 0 { "celery" } else { "" };
            Publication::new(exchange, "celery", message)
        })
        .collect();
    publisher.publish_all(&batch).await.unwrap();

    // What celery-redis-plus's own producer writes, field for field.
    let captured: serde_json::Value = serde_json::from_str(REDIS_PLUS).unwrap();
    let captured = captured[format!("message:{}", captured["tags"]["plain"].as_str().unwrap())].clone();
    let first = &scores(&client, "queue:celery").await[0].0;
    let hash: std::collections::HashMap<String, String> =
        client.hgetall(format!("message:{first}")).await.unwrap();
    for (field, value) in captured.as_object().unwrap() {
        match field.as_str() {
            "payload" => assert!(hash[field].contains(&format!("\"delivery_tag\": \"{first}\""))),
            "priority" => assert_eq!(hash[field], "255"),
            _ => assert_eq!(&hash[field], value.as_str().unwrap()),
        }
    }
    assert_eq!(hash.len(), captured.as_object().unwrap().len());

    let (mut consumer, acknowledger) = broker.consume(&[Queue::named("celery")]).await.unwrap();
    let deliveries = consumer.fetch(9).await.unwrap();
    let ids = deliveries
        .iter()
        .map(|delivery| delivery.message.as_ref().unwrap().properties.correlation_id.clone().unwrap());
    assert_eq!(ids.collect::<Vec<_>>(), ["1", "4", "2", "0", "3"]);
    acknowledger.close().await.unwrap();
}

#[tokio::test]
async fn a_large_batch_keeps_its_order() {
    let server = Server::start().await;
    let broker = broker(&valkey(&server), json!({}));
    let publisher = broker.publisher().await.unwrap();
    let batch: Vec<_> = (0..1000)
        .map(|index| {
            let mut message = task(0);
            message.properties.correlation_id = Some(index.to_string());
            Publication::new("", "celery", message)
        })
        .collect();
    publisher.publish_all(&batch).await.unwrap();
    let (mut consumer, _acknowledger) = broker.consume(&[Queue::named("celery")]).await.unwrap();
    let deliveries = consumer.fetch(2000).await.unwrap();
    let ids = deliveries.iter().map(|delivery| {
        delivery.message.as_ref().unwrap().properties.correlation_id.clone().unwrap().parse().unwrap()
    });
    assert_eq!(ids.collect::<Vec<usize>>(), (0..1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn replies_stay_in_lists() {
    let server = Server::start().await;
    let client = server.client().await;
    let publisher = broker(&valkey(&server), json!({})).publisher().await.unwrap();
    let mut reply = task(0);
    reply.headers = serde_json::value::RawValue::from_string("{\"ticket\": \"t\"}".to_owned()).unwrap();
    publisher.publish_all(&[Publication::new("", "oid.reply", reply)]).await.unwrap();
    let length: i64 = client.llen("oid.reply").await.unwrap();
    assert_eq!(length, 1);
}

#[tokio::test]
async fn purging_leaves_what_is_held() {
    let server = Server::start().await;
    let client = server.client().await;
    let tags = load(&client, REDIS_PLUS).await;
    push_sorted(&client, "other", &[1]).await;
    let () = client.lpush("celery\x06\x163", envelope("a", "celery", 3)).await.unwrap();
    let broker = broker(&server.url(), json!({}));
    let (mut consumer, acknowledger) = broker.consume(&[Queue::named("celery")]).await.unwrap();
    let held = consumer.fetch(1).await.unwrap();
    assert_eq!(names(&held), [tags["high"].clone()]);
    // Three that wait, one that is delayed, one in a list.
    assert_eq!(broker.purge(&Queue::named("celery")).await.unwrap(), 5);
    assert_eq!(broker.purge(&Queue::named("celery")).await.unwrap(), 0);
    assert_eq!(acknowledger.close().await.unwrap(), 1);
    let high = format!("message:{}", tags["high"]);
    let left =
        ["message:other-1-0", "messages_index:celery", "messages_index:other", "queue:celery", "queue:other"];
    let mut expected: Vec<_> = left.into_iter().chain([high.as_str()]).collect();
    expected.sort_unstable();
    assert_eq!(keys(&client).await, expected);
}

#[tokio::test]
async fn a_long_queue_is_purged_piece_by_piece() {
    let server = Server::start().await;
    let client = server.client().await;
    let driver = broker(&valkey(&server), json!({}));
    let batch: Vec<_> = (0..2300).map(|_| Publication::new("", "celery", task(5))).collect();
    driver.publisher().await.unwrap().publish_all(&batch).await.unwrap();
    let (mut consumer, acknowledger) = driver.consume(&[Queue::named("celery")]).await.unwrap();
    let held = consumer.fetch(1100).await.unwrap();
    assert_eq!(held.len(), 1100);
    let pipeline = client.pipeline();
    for number in 0..1500 {
        let () = pipeline
            .hset(format!("message:d{number}"), vec![("native_delayed", "1"), ("payload", "{}")])
            .await
            .unwrap();
        let score = (4e9, format!("d{number}"));
        let () = pipeline.zadd("messages_index:celery", None, None, false, false, score).await.unwrap();
    }
    let () = pipeline.last().await.unwrap();
    assert_eq!(driver.purge(&Queue::named("celery")).await.unwrap(), 1200 + 1500);
    let left = keys(&client).await.into_iter().filter(|key| key.starts_with("message:")).count();
    assert_eq!((left, scores(&client, "messages_index:celery").await.len()), (1100, 1100));
    acknowledger.settle(&crate::support::acks(&held)).await.unwrap();
    assert_eq!(keys(&client).await, ["celery-oxide.workers"]);
}
