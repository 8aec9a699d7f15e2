//! Fanout exchanges that are streams to other clients.

use std::time::Duration;

use celery_protocol::Message;
use celery_transport::{Broadcast, Publication, Queue, Subscription, Transport};
use celery_valkey::test_server::Server;
use fred::{
    prelude::{Client, ClientLike, PubsubInterface, SortedSetsInterface},
    types::Value as Reply,
};
use serde_json::{Value, json};

use crate::support::{TASK, broker, exists, until};

/// What celery-redis-plus 0.4.1 and celery-asyncio 6.0.0a6 put into streams.
const CAPTURED: [&str; 2] =
    [include_str!("captured/redis_plus_streams.json"), include_str!("captured/asyncio_streams.json")];

async fn next(subscription: &mut dyn Subscription) -> Broadcast {
    tokio::time::timeout(Duration::from_secs(20), subscription.next()).await.expect("a message").unwrap()
}

async fn nothing(subscription: &mut dyn Subscription) {
    let heard = tokio::time::timeout(Duration::from_millis(300), subscription.next()).await;
    assert!(heard.is_err(), "{heard:?}");
}

async fn append(client: &Client, stream: &str, fields: &Value) {
    let mut args = vec![stream.to_owned(), "*".to_owned()];
    for (name, value) in fields.as_object().unwrap() {
        args.extend([name.clone(), value.as_str().unwrap().to_owned()]);
    }
    let _: Reply = client.custom(fred::cmd!("XADD"), args).await.unwrap();
}

async fn payloads(client: &Client, stream: &str) -> Vec<Value> {
    let entries: Reply = client.custom(fred::cmd!("XRANGE"), vec![stream, "-", "+"]).await.unwrap();
    let Reply::Array(entries) = entries else { return Vec::new() };
    let payload = |entry: Reply| {
        let Reply::Array(mut entry) = entry else { panic!("no entry") };
        let Reply::Array(mut fields) = entry.pop().unwrap() else { panic!("no fields") };
        serde_json::from_str(&fields.pop().unwrap().into_string().unwrap()).unwrap()
    };
    entries.into_iter().map(payload).collect()
}

fn event(routing_key: &str) -> Publication {
    let message = Message::from_envelope(TASK.as_bytes()).unwrap();
    Publication::new("celeryev", routing_key, message).of_type("fanout")
}

#[tokio::test]
async fn what_others_append_is_heard_at_once_and_once() {
    for captured in CAPTURED {
        let server = Server::start().await;
        let client = server.client().await;
        let captured: Value = serde_json::from_str(captured).unwrap();
        for (stream, entries) in captured.as_object().unwrap() {
            // What was there before is not for us.
            append(&client, stream, &entries[0]).await;
            let (exchange, patterns): (_, &[&str]) = match stream.as_str() {
                "/0.celeryev" => ("celeryev", &["worker.#"]),
                _ => ("celery.pidbox", &[]),
            };
            let driver = broker(&server.url(), json!({}));
            let mut subscription = driver.subscribe(exchange, patterns).await.unwrap();
            nothing(&mut *subscription).await;
            for _ in 0..2 {
                append(&client, stream, &entries[0]).await;
                let heard = next(&mut *subscription).await;
                let body: Value = serde_json::from_slice(&heard.message.unwrap().body).unwrap();
                assert!(body["type"] == "worker-heartbeat" || body["method"] == "revoke", "{body}");
                if exchange == "celery.pidbox" {
                    assert_eq!(heard.routing_key, "");
                }
            }
            nothing(&mut *subscription).await;
        }
    }
}

#[tokio::test]
async fn a_stream_that_comes_into_being_later_is_heard() {
    let server = Server::start().await;
    let client = server.client().await;
    let driver = broker(&server.url(), json!({"global_keyprefix": "app:"}));
    let mut subscription = driver.subscribe("celeryev", &["task.#"]).await.unwrap();
    nothing(&mut *subscription).await;
    let payload =
        json!({"body": "[]", "headers": {}, "properties": {"delivery_info": {"routing_key": "task.multi"}}});
    append(&client, "app:/0.celeryev", &json!({"payload": payload.to_string()})).await;
    assert_eq!(next(&mut *subscription).await.routing_key, "task.multi");
    let other = json!({"body": "", "properties": {"delivery_info": {"routing_key": "worker.online"}}});
    append(&client, "app:/0.celeryev", &json!({"payload": other.to_string()})).await;
    append(&client, "app:/0.celeryev", &json!({"else": "x"})).await;
    append(&client, "app:/0.celeryev", &json!({"payload": "no envelope"})).await;
    assert!(next(&mut *subscription).await.message.is_err());
    nothing(&mut *subscription).await;
}

#[tokio::test]
async fn many_at_once_come_in_order() {
    let server = Server::start().await;
    let client = server.client().await;
    let driver = broker(&server.url(), json!({}));
    let mut subscription = driver.subscribe("celeryev", &["#"]).await.unwrap();
    for number in 0..600 {
        let payload = json!({"body": number.to_string(), "properties": {}});
        append(&client, "/0.celeryev", &json!({"payload": payload.to_string()})).await;
    }
    for number in 0..600 {
        let body = next(&mut *subscription).await.message.unwrap().body;
        assert_eq!(body, number.to_string().as_bytes());
    }
}

#[tokio::test]
async fn nothing_is_missed_by_a_new_connection() {
    let server = Server::start().await;
    let client = server.client().await;
    let driver = broker(&server.url(), json!({}));
    let mut subscription = driver.subscribe("celeryev", &["#"]).await.unwrap();
    nothing(&mut *subscription).await;
    for kill in ["pubsub", "normal"] {
        let _: Reply =
            client.custom(fred::cmd!("CLIENT"), vec!["KILL", "TYPE", kill, "SKIPME", "yes"]).await.unwrap();
    }
    let payload = json!({"body": "1", "properties": {}});
    append(&client, "/0.celeryev", &json!({"payload": payload.to_string()})).await;
    let mut lost = 0;
    let heard = loop {
        match tokio::time::timeout(Duration::from_secs(20), subscription.next()).await.expect("a message") {
            Ok(heard) => break heard,
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                lost += 1;
            }
        }
    };
    assert_eq!((heard.message.unwrap().body, lost), ("1".into(), 1));
}

#[tokio::test]
async fn stock_clients_alone_have_no_streams() {
    let server = Server::start().await;
    let client = server.client().await;
    let driver = broker(&server.url(), json!({}));
    let (_consumer, _acknowledger) = driver.consume(&[Queue::named("celery")]).await.unwrap();
    let mut subscription = driver.subscribe("celeryev", &["#"]).await.unwrap();
    let publisher = driver.publisher().await.unwrap();
    publisher.publish_all(&[event("task.sent"), event("task.sent")]).await.unwrap();
    assert_eq!(next(&mut *subscription).await.routing_key, "task.sent");
    assert_eq!(next(&mut *subscription).await.routing_key, "task.sent");
    assert!(!exists(&client, "/0.celeryev").await);
}

#[tokio::test]
async fn bindings_of_others_say_that_streams_are_read() {
    let server = Server::start().await;
    let client = server.client().await;
    let () = client
        .zadd(
            "_kombu.binding.celery",
            None,
            None,
            false,
            false,
            (f64::INFINITY, "celery\x06\x16\x06\x16celery"),
        )
        .await
        .unwrap();
    let driver = broker(&server.url(), json!({}));
    let (_consumer, _acknowledger) = driver.consume(&[Queue::named("celery")]).await.unwrap();
    let mut subscription = driver.subscribe("celeryev", &["#"]).await.unwrap();
    driver.publisher().await.unwrap().publish_all(&[event("task.sent")]).await.unwrap();
    // Both copies are there, one is heard.
    assert_eq!(next(&mut *subscription).await.routing_key, "task.sent");
    nothing(&mut *subscription).await;
    let payloads = payloads(&client, "/0.celeryev").await;
    assert_eq!(payloads.len(), 1);
    // As text: celery-asyncio reads no other.
    assert!(payloads[0]["body"].as_str().unwrap().starts_with("[[1, 2], {}, "));
    assert_eq!(payloads[0]["properties"].get("body_encoding"), None);
}

#[tokio::test]
async fn a_publisher_alone_finds_the_stream() {
    let server = Server::start().await;
    let client = server.client().await;
    append(&client, "/0.celeryev", &json!({"payload": "{}"})).await;
    let publisher = broker(&server.url(), json!({})).publisher().await.unwrap();
    publisher.publish_all(&[event("a")]).await.unwrap();
    publisher.publish_all(&[event("b")]).await.unwrap();
    assert_eq!(payloads(&client, "/0.celeryev").await.len(), 2);

    let always = broker(&server.url(), json!({"fanout_streams": true, "fanout_prefix": "x."}));
    always.publisher().await.unwrap().publish_all(&[event("a")]).await.unwrap();
    assert_eq!(payloads(&client, "x.celeryev").await.len(), 1);
}

#[tokio::test]
async fn streams_can_be_turned_off() {
    let server = Server::start().await;
    let client = server.client().await;
    let driver = broker(&server.url(), json!({"fanout_streams": false}));
    append(&client, "/0.celeryev", &json!({"payload": "{}"})).await;
    let mut subscription = driver.subscribe("celeryev", &["#"]).await.unwrap();
    append(&client, "/0.celeryev", &json!({"payload": "{}"})).await;
    driver.publisher().await.unwrap().publish_all(&[event("a")]).await.unwrap();
    assert_eq!(next(&mut *subscription).await.routing_key, "a");
    nothing(&mut *subscription).await;
    assert_eq!(payloads(&client, "/0.celeryev").await.len(), 2);
}

#[tokio::test]
async fn a_key_of_another_type_is_given_up_and_channels_go_on() {
    let server = Server::start().await;
    let client = server.client().await;
    let driver = broker(&server.url(), json!({}));
    let mut subscription = driver.subscribe("celeryev", &["#"]).await.unwrap();
    nothing(&mut *subscription).await;
    let () =
        fred::prelude::KeysInterface::set(&client, "/0.celeryev", "text", None, None, false).await.unwrap();
    nothing(&mut *subscription).await;
    let raw = TASK.replace("\"routing_key\": \"celery\"", "\"routing_key\": \"x\"");
    until("it is heard", || async {
        client.publish::<i64, _, _>("/0.celeryev/x", raw.as_str()).await.unwrap() == 1
    })
    .await;
    assert_eq!(next(&mut *subscription).await.routing_key, "x");
}
