//! Fanout exchanges: events and commands to all workers.

use std::time::Duration;

use celery_protocol::Message;
use celery_transport::{Broadcast, Error, Publication, Subscription, Transport};
use celery_valkey::test_server::Server;
use fred::prelude::{Client, ClientLike, PubsubInterface};
use serde_json::{Value, json};

use crate::support::{TASK, broker, until};

/// What `EventDispatcher.send` and `Control.revoke` of Celery 5.7.0 and kombu 5.7.0 published, for several
/// `broker_transport_options`.
const CAPTURED: &str = include_str!("captured/broadcasts.json");

/// A message in time, or the test fails.
async fn next(subscription: &mut dyn Subscription) -> Result<Broadcast, Error> {
    tokio::time::timeout(Duration::from_secs(20), subscription.next()).await.expect("a message")
}

fn event(routing_key: &str) -> Publication {
    let message = Message::from_envelope(TASK.as_bytes()).unwrap();
    Publication::new("celeryev", routing_key, message).of_type("fanout")
}

async fn send(client: &Client, channel: &str, raw: &str) -> usize {
    client.publish(channel, raw).await.unwrap()
}

#[tokio::test]
async fn what_kombu_published_is_received() {
    let server = Server::start().await;
    let client = server.client().await;
    let captured: Vec<Value> = serde_json::from_str(CAPTURED).unwrap();
    assert_eq!(captured.len(), 8);
    for row in captured {
        let broker = broker(&server.url(), row["options"].clone());
        let channel = row["channel"].as_str().unwrap();
        let (exchange, patterns, key): (_, &[&str], _) = if channel.contains("celeryev") {
            ("celeryev", &["worker.#"], "worker.heartbeat")
        } else {
            ("celery.pidbox", &[], "")
        };
        let mut subscription = broker.subscribe(exchange, patterns).await.unwrap();
        assert_eq!(send(&client, channel, row["raw"].as_str().unwrap()).await, 1, "{channel}");
        let broadcast = next(&mut *subscription).await.unwrap();
        assert_eq!(broadcast.routing_key, key, "{channel}");
        let message = broadcast.message.unwrap();
        let expected = Message::from_envelope(row["raw"].as_str().unwrap().as_bytes()).unwrap();
        assert_eq!(message.properties.delivery_info.exchange, exchange);
        assert_eq!((message.headers.get(), &message.body), (expected.headers.get(), &expected.body));
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        assert!(body["type"] == "worker-heartbeat" || body["method"] == "revoke", "{body}");
    }
}

#[tokio::test]
async fn only_what_the_patterns_match_is_received() {
    let server = Server::start().await;
    let broker = broker(&server.url(), json!({"global_keyprefix": "a[1]:"}));
    let publisher = broker.publisher().await.unwrap();
    let mut tasks = broker.subscribe("celeryev", &["task.#", "worker.online", "task.*"]).await.unwrap();
    let mut all = broker.subscribe("celeryev", &["#"]).await.unwrap();
    let keys = ["worker.heartbeat", "task.sent", "worker.online", "task.multi"];
    let mut events = keys.map(event).to_vec();
    events.push(event("task.sent"));
    events[4].exchange = "other".to_owned();
    publisher.publish_all(&events).await.unwrap();
    for key in &keys[1..] {
        assert_eq!(next(&mut *tasks).await.unwrap().routing_key, *key);
    }
    for key in keys {
        assert_eq!(next(&mut *all).await.unwrap().routing_key, key);
    }
}

#[tokio::test]
async fn what_is_no_message_does_not_end_a_subscription() {
    let server = Server::start().await;
    let client = server.client().await;
    let mut subscription = broker(&server.url(), json!({})).subscribe("celery.pidbox", &[]).await.unwrap();
    send(&client, "/0.celery.pidbox", "no message \u{0}").await;
    let broadcast = next(&mut *subscription).await.unwrap();
    assert_eq!(broadcast.message.unwrap_err().raw, "no message \u{0}".as_bytes());
    // Nothing is lost with a future that is dropped.
    send(&client, "/0.celery.pidbox", TASK).await;
    tokio::select! { biased; () = std::future::ready(()) => {}, _ = subscription.next() => unreachable!() }
    assert!(next(&mut *subscription).await.unwrap().message.is_ok());
}

#[tokio::test]
async fn a_lost_connection_is_told_once() {
    let mut server = Server::start().await;
    let broker = broker(&server.url(), json!({}));
    let mut subscription = broker.subscribe("celeryev", &["#"]).await.unwrap();
    for restart in [false, true, false] {
        let client = server.client().await;
        let publisher = broker.publisher().await.unwrap();
        // Published before the connection is lost, received before it is told.
        publisher.publish_all(&[event("before")]).await.unwrap();
        assert_eq!(next(&mut *subscription).await.unwrap().routing_key, "before");
        if restart {
            server.kill();
        } else {
            let kill = vec!["KILL", "TYPE", "pubsub"];
            let _: fred::types::Value = client.custom(fred::cmd!("CLIENT"), kill).await.unwrap();
        }
        let error = next(&mut *subscription).await.unwrap_err();
        assert!(matches!(error, Error::Lost { .. }), "{error}");
        if restart {
            server.restart().await;
        }
        let client = server.client().await;
        let listening = tokio::spawn(async move { (subscription.next().await, subscription) });
        until("it listens again", || async { send(&client, "/0.celeryev/after", TASK).await == 1 }).await;
        let (heard, same) = listening.await.unwrap();
        subscription = same;
        assert_eq!(heard.unwrap().routing_key, "after");
    }
}

#[tokio::test]
async fn a_server_that_refuses_says_so() {
    let server = Server::start().await;
    let client = server.client().await;
    let user = vec!["SETUSER", "u", "on", ">p", "~*", "+@all", "resetchannels"];
    let _: fred::types::Value = client.custom(fred::cmd!("ACL"), user).await.unwrap();
    let broker = broker(&format!("redis://u:p@127.0.0.1:{}/0", server.port), json!({}));
    let error = broker.subscribe("celeryev", &["#"]).await.err().unwrap();
    assert!(matches!(&error, Error::Refused { reason, .. } if reason.contains("NOPERM")), "{error}");
}
