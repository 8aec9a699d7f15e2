//! How often a message is delivered, and where it goes after that.

use celery_protocol::Message;
use celery_transport::{Acknowledger, Consumer, Delivery, Publication, Settlement, Transport};
use celery_valkey::test_server::Server;
use fred::prelude::{Client, HashesInterface, ListInterface, SortedSetsInterface};
use serde_json::{Value, json};

use crate::{
    sorted::scores,
    sorted_order::push_sorted,
    support::{
        TASK, acks, broker, consume, consume_celery, exists, fetch, keys, names, push, unacked, until,
    },
};

fn header(delivery: &Delivery, name: &str) -> Value {
    headers(delivery.message.as_ref().unwrap())[name].clone()
}

fn headers(message: &Message) -> Value {
    serde_json::from_str(message.headers.get()).unwrap()
}

async fn requeue(consumer: &mut dyn Consumer, acknowledger: &dyn Acknowledger) -> Delivery {
    let mut deliveries = fetch(consumer, 1).await;
    acknowledger.settle(&[Settlement::Requeue(deliveries[0].tag.clone())]).await.unwrap();
    deliveries.remove(0)
}

async fn dead(client: &Client, queue: &str) -> Vec<Message> {
    let raws: Vec<bytes::Bytes> = client.lrange(queue, 0, -1).await.unwrap();
    raws.iter().map(|raw| Message::from_envelope(raw).unwrap()).collect()
}

#[tokio::test]
async fn a_message_of_a_list_dies_at_the_limit_and_can_be_sent_again() {
    let server = Server::start().await;
    let client = server.client().await;
    let () = client.lpush("celery\x06\x166", TASK).await.unwrap();
    let (mut consumer, acknowledger) = consume(&server, &["celery"], json!({"delivery_limit": 3})).await;
    let counts: [Value; 3] = [
        header(&requeue(&mut *consumer, &*acknowledger).await, "x-delivery-count"),
        header(&requeue(&mut *consumer, &*acknowledger).await, "x-delivery-count"),
        header(&requeue(&mut *consumer, &*acknowledger).await, "x-delivery-count"),
    ];
    assert_eq!(counts, [Value::Null, json!(1), json!(2)]);
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    assert_eq!(keys(&client).await, ["celery-oxide.workers", "celery.dead"]);
    let letters = dead(&client, "celery.dead").await;
    let said = headers(&letters[0]);
    let death = &said["x-death"][0];
    assert_eq!((&death["reason"], &death["queue"]), (&json!("delivery_limit"), &json!("celery")));
    assert_eq!((&death["count"], &death["deliveries"]), (&json!(1), &json!(3)));
    assert_eq!(said["task"], "app.add");
    assert_eq!(letters[0].body, Message::from_envelope(TASK.as_bytes()).unwrap().body);

    // As the guide says.
    let () = client
        .lmove(
            "celery.dead",
            "celery",
            fred::types::lists::LMoveDirection::Right,
            fred::types::lists::LMoveDirection::Left,
        )
        .await
        .unwrap();
    for count in [0, 1] {
        let delivery = requeue(&mut *consumer, &*acknowledger).await;
        assert_eq!(header(&delivery, "x-delivery-count"), count);
    }
    assert!(!exists(&client, "celery.dead").await);
}

#[tokio::test]
async fn what_was_not_started_or_was_parked_does_not_count() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    let (mut consumer, acknowledger) = consume(&server, &["celery"], json!({"delivery_limit": 1})).await;
    for _ in 0..3 {
        let deliveries = fetch(&mut *consumer, 1).await;
        acknowledger.settle(&[Settlement::Restore(deliveries[0].tag.clone())]).await.unwrap();
        let deliveries = fetch(&mut *consumer, 1).await;
        acknowledger.settle(&crate::parking::park(&deliveries, 0.1)).await.unwrap();
    }
    let deliveries = fetch(&mut *consumer, 1).await;
    assert_eq!(header(&deliveries[0], "x-delivery-count"), Value::Null);
    acknowledger.settle(&acks(&deliveries)).await.unwrap();
    assert_eq!(keys(&client).await, ["celery-oxide.workers"]);
}

#[tokio::test]
async fn workers_that_die_count_and_what_they_hold_dies_once() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    let sorted = push_sorted(&client, "celery", &[7]).await;
    let options = json!({"delivery_limit": 2, "lease_timeout": 0.3, "deadletter_queue": "graves"});
    let (mut alive, _alive) = consume(&server, &["other"], options.clone()).await;
    let (_also, _also_alive) = consume(&server, &["other"], options.clone()).await;
    for before in 0..2 {
        let (mut dying, acknowledger) = consume(&server, &["celery"], options.clone()).await;
        let deliveries = fetch(&mut *dying, 2).await;
        for delivery in &deliveries {
            let count = header(delivery, "x-delivery-count");
            assert_eq!(count.as_u64().unwrap_or_default(), before);
        }
        drop((dying, acknowledger));
        until("its messages are back or dead", || async {
            unacked(&client).await == 0
                && (exists(&client, "queue:celery").await || exists(&client, "queue:graves").await)
        })
        .await;
    }
    until("both are dead", || async {
        exists(&client, "graves").await && exists(&client, "queue:graves").await
    })
    .await;
    assert!(alive.fetch(1).await.unwrap().is_empty());
    assert_eq!(dead(&client, "graves").await.len(), 1);
    let tag = &sorted[0];
    assert_eq!(scores(&client, "queue:graves").await.len(), 1);
    let (payload, queue, count): (bytes::Bytes, String, i64) = client
        .hmget(format!("message:{tag}"), vec!["payload", "routing_key", "delivery_count"])
        .await
        .unwrap();
    assert_eq!((queue.as_str(), count), ("graves", 0));
    assert_eq!(headers(&Message::from_envelope(&payload).unwrap())["x-death"][0]["deliveries"], 2);
    let index: Option<f64> = client.zscore("messages_index:celery", tag.as_str()).await.unwrap();
    assert_eq!(index, None);
    let index: Option<f64> = client.zscore("messages_index:graves", tag.as_str()).await.unwrap();
    assert!(index.is_some());

    // A worker of that queue reads both.
    let (mut consumer, acknowledger) = consume(&server, &["graves"], options).await;
    let deliveries = fetch(&mut *consumer, 2).await;
    acknowledger.settle(&acks(&deliveries)).await.unwrap();
    until("nothing is left", || async {
        !keys(&client).await.iter().any(|key| key.contains("graves") || key.starts_with("message:"))
    })
    .await;
}

#[tokio::test]
async fn without_a_limit_it_goes_on_and_is_counted() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    let (mut consumer, acknowledger) = consume(&server, &["celery"], json!({"delivery_limit": null})).await;
    for _ in 0..30 {
        requeue(&mut *consumer, &*acknowledger).await;
    }
    let deliveries = fetch(&mut *consumer, 1).await;
    assert_eq!(
        (names(&deliveries)[0].as_str(), header(&deliveries[0], "x-delivery-count")),
        ("a", json!(30))
    );
}

#[tokio::test]
async fn twenty_is_the_default_and_a_stock_worker_in_between_keeps_the_count() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    for _ in 0..19 {
        requeue(&mut *consumer, &*acknowledger).await;
        // kombu reads it and writes it anew: QoS.append and Channel._do_restore_message.
        let raw: String = client.rpop("celery", None).await.unwrap();
        let envelope: Value = serde_json::from_str(&raw).unwrap();
        let () = client.rpush("celery", envelope.to_string()).await.unwrap();
    }
    assert!(!exists(&client, "celery.dead").await);
    requeue(&mut *consumer, &*acknowledger).await;
    assert_eq!(dead(&client, "celery.dead").await.len(), 1);
}

#[tokio::test]
async fn a_message_that_is_made_from_it_begins_anew() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    let driver = broker(&server.url(), json!({}));
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    requeue(&mut *consumer, &*acknowledger).await;
    let again = fetch(&mut *consumer, 1).await.remove(0);
    assert_eq!(header(&again, "x-delivery-count"), 1);
    // A retry has the headers of its task.
    let retry = Publication::new("", "celery", again.message.unwrap());
    driver.publisher().await.unwrap().publish_all(&[retry]).await.unwrap();
    assert_eq!(header(&fetch(&mut *consumer, 1).await[0], "x-delivery-count"), 0);
}

#[tokio::test]
async fn a_full_server_loses_no_dead_letter() {
    use fred::prelude::ClientLike;
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    push_sorted(&client, "celery", &[1]).await;
    let (mut consumer, acknowledger) = consume(&server, &["celery"], json!({"delivery_limit": 1})).await;
    let deliveries = fetch(&mut *consumer, 2).await;
    let _: fred::types::Value =
        client.custom(fred::cmd!("CONFIG"), vec!["SET", "maxmemory", "1"]).await.unwrap();
    let batch: Vec<_> = deliveries.iter().map(|delivery| Settlement::Requeue(delivery.tag.clone())).collect();
    acknowledger.settle(&batch).await.unwrap();
    acknowledger.settle(&batch).await.unwrap();
    assert_eq!(dead(&client, "celery.dead").await.len(), 1);
    assert_eq!(scores(&client, "queue:celery.dead").await.len(), 1);
    assert_eq!(unacked(&client).await, 0);
}

#[tokio::test]
async fn large_messages_go_back_in_small_batches() {
    let server = Server::start().await;
    let client = server.client().await;
    let large =
        TASK.replace("\"argsrepr\": \"(1, 2)\"", &format!("\"argsrepr\": \"{}\"", "x".repeat(3 << 20)));
    assert!(large.len() > 3 << 20);
    for _ in 0..5 {
        let () = client.lpush("celery", large.as_str()).await.unwrap();
    }
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = fetch(&mut *consumer, 5).await;
    let batch: Vec<_> = deliveries.iter().map(|delivery| Settlement::Requeue(delivery.tag.clone())).collect();
    acknowledger.settle(&batch).await.unwrap();
    let length: i64 = client.llen("celery").await.unwrap();
    assert_eq!((length, unacked(&client).await), (5, 0));
}
