//! Bytes that are no envelope, and envelopes that are not kombu's.

use celery_transport::Settlement;
use celery_valkey::test_server::Server;
use fred::prelude::{HashesInterface, ListInterface, SortedSetsInterface};
use serde_json::{Value, json};

use crate::support::{acks, consume, consume_celery, envelope, keys, names, push, unacked};

#[tokio::test]
async fn bytes_that_are_no_envelope_are_handed_over_and_come_back_as_they_were() {
    let server = Server::start().await;
    let client = server.client().await;
    let odd: [&[u8]; 7] = [
        b"no json",
        b"\xff\x00\"\\\n\x7f",
        b"\"delivery_tag\": \"x\"}}",
        b"[1, 2]",
        b"\"text\"",
        b"{\"a\":  1}",
        b"",
    ];
    for raw in odd {
        let () = client.lpush("celery", fred::types::Value::Bytes(raw.into())).await.unwrap();
    }
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(10).await.unwrap();
    assert_eq!(deliveries.len(), odd.len());
    for (delivery, raw) in deliveries.iter().zip(odd) {
        assert_eq!(delivery.message.as_ref().unwrap_err().raw, raw);
        // Stock workers can read what is booked.
        let triple: String = client.hget("unacked", &*delivery.tag.0).await.unwrap();
        let triple: Vec<Value> = serde_json::from_str(&triple).unwrap();
        assert_eq!(triple[1..], [json!(""), json!("celery")]);
    }
    assert_eq!(acknowledger.close().await.unwrap(), odd.len());
    let mut back: Vec<bytes::Bytes> = client.lrange("celery", 0, -1).await.unwrap();
    back.reverse();
    assert_eq!(back, odd);
    assert_eq!(keys(&client).await, ["celery"]);
}

#[tokio::test]
async fn envelopes_in_another_order_of_keys() {
    let server = Server::start().await;
    let client = server.client().await;
    let raw = r#"{"properties": {"delivery_tag": "t-1", "delivery_info": {"routing_key": "a\"b/c", "exchange": "e{}"},
        "body_encoding": "base64"}, "headers": {"id": "1", "delivery_tag": "no"}, "body": "W10=",
        "content-type": "application/json", "content-encoding": "utf-8"}"#;
    let () = client.lpush("celery", raw).await.unwrap();
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(1).await.unwrap();
    assert_eq!(names(&deliveries), ["t-1"]);
    assert_eq!(deliveries[0].message.as_ref().unwrap().body, &b"[]"[..]);
    let triple: String = client.hget("unacked", &*deliveries[0].tag.0).await.unwrap();
    assert!(triple.starts_with(&format!("[{raw}, ")));
    let triple: Vec<Value> = serde_json::from_str(&triple).unwrap();
    assert_eq!(triple[1..], [json!("e{}"), json!("a\"b/c")]);
    acknowledger.settle(&acks(&deliveries)).await.unwrap();
    assert_eq!(unacked(&client).await, 0);
}

#[tokio::test]
async fn one_tag_in_two_queues_is_two_deliveries() {
    let server = Server::start().await;
    let client = server.client().await;
    // A topic exchange with two bindings: kombu pushes the same bytes to both.
    let raw = envelope("same", "celery", 0);
    let () = client.lpush("one", raw.as_str()).await.unwrap();
    let () = client.lpush("two", raw.as_str()).await.unwrap();
    let (mut consumer, acknowledger) = consume(&server, &["one", "two"], json!({})).await;
    let deliveries = consumer.fetch(2).await.unwrap();
    assert_eq!(names(&deliveries), ["same", "same"]);
    assert_ne!(deliveries[0].tag, deliveries[1].tag);
    assert_eq!(unacked(&client).await, 2);
    acknowledger.settle(&acks(&deliveries[..1])).await.unwrap();
    assert_eq!(unacked(&client).await, 1);
    acknowledger.settle(&[Settlement::Restore(deliveries[1].tag.clone())]).await.unwrap();
    let lengths: (i64, i64) = (client.llen("one").await.unwrap(), client.llen("two").await.unwrap());
    assert_eq!(lengths, (0, 1));
}

#[tokio::test]
async fn a_queue_in_a_sorted_set_loses_nothing() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "plain", &["a"]).await;
    let () = client.zadd("sorted", None, None, false, false, (1.0, "x")).await.unwrap();
    let (mut consumer, _acknowledger) = consume(&server, &["plain", "sorted"], json!({})).await;
    assert_eq!(names(&consumer.fetch(5).await.unwrap()), ["a"]);
    let error = consumer.fetch(5).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("celery-redis-plus"), "{error}");
}

#[tokio::test]
async fn bookkeeping_that_fails_puts_everything_back() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a", "b", "c"]).await;
    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    for key in ["unacked", "unacked_index"] {
        let () = client.lpush(key, "of another type").await.unwrap();
        let error = consumer.fetch(2).await.unwrap_err();
        assert!(!error.is_transient(), "{error}");
        let length: i64 = client.llen("celery").await.unwrap();
        assert_eq!(length, 3);
        let () = fred::prelude::KeysInterface::del(&client, key).await.unwrap();
    }
    assert_eq!(names(&consumer.fetch(5).await.unwrap()), ["a", "b", "c"]);
    assert_eq!(unacked(&client).await, 3);
}

#[tokio::test]
async fn a_stock_worker_that_holds_the_other_copy_books_beside_us() {
    let server = Server::start().await;
    let client = server.client().await;
    let raw = envelope("same", "one", 0);
    let () = client.lpush("one", raw.as_str()).await.unwrap();
    let (mut consumer, acknowledger) = consume(&server, &["one"], json!({})).await;
    let deliveries = consumer.fetch(1).await.unwrap();
    // kombu's QoS.append of the copy in another queue, and its QoS.ack.
    let () = client.hset("unacked", ("same", format!("[{raw}, \"\", \"two\"]"))).await.unwrap();
    let () = client.zadd("unacked_index", None, None, false, false, (1.0, "same")).await.unwrap();
    assert_eq!(unacked(&client).await, 2);
    let () = client.zrem("unacked_index", "same").await.unwrap();
    let () = client.hdel("unacked", "same").await.unwrap();
    assert_eq!(unacked(&client).await, 1);
    acknowledger.settle(&[Settlement::Restore(deliveries[0].tag.clone())]).await.unwrap();
    let length: i64 = client.llen("one").await.unwrap();
    assert_eq!(length, 1);
}

/// `json` of Python writes and reads `NaN`.
#[tokio::test]
async fn an_envelope_that_only_python_reads_is_given_back_and_restored() {
    let server = Server::start().await;
    let client = server.client().await;
    let raw = envelope("nan", "celery", 0).replace("\"retries\": 0", "\"retries\": NaN");
    assert!(raw.contains("NaN"));
    let () = client.lpush("celery", raw.as_str()).await.unwrap();
    let options = json!({"lease_timeout": 0.3});
    let (mut dying, acknowledger) = consume(&server, &["celery"], options.clone()).await;
    assert_eq!(dying.fetch(1).await.unwrap().len(), 1);
    let (_alive, _also_alive) = consume(&server, &["other"], options.clone()).await;
    drop((dying, acknowledger));
    crate::support::until("it is back", || async { client.llen::<i64, _>("celery").await.unwrap() == 1 })
        .await;
    assert_eq!(unacked(&client).await, 0);
    let back: String = client.rpop("celery", None).await.unwrap();
    assert_eq!(back, raw);

    // A stock worker took it and is gone.
    let () = client.hset("unacked", ("nan", format!("[{raw}, \"\", \"celery\"]"))).await.unwrap();
    let () = client.zadd("unacked_index", None, None, false, false, (1.0, "nan")).await.unwrap();
    let (_third, _also_third) = consume(&server, &["other"], options).await;
    crate::support::until("it is back", || async { client.llen::<i64, _>("celery").await.unwrap() == 1 })
        .await;
}
