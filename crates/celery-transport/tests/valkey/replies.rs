//! Queues of one asker: the replies to control commands.

use std::time::Duration;

use celery_protocol::Message;
use celery_transport::{Publication, Queue, Transport};
use celery_valkey::test_server::Server;
use fred::prelude::{ClientLike, KeysInterface, ListInterface, SetsInterface, SortedSetsInterface};
use serde_json::json;

use crate::support::{TASK, acks, broker, fetch, push};

const OID: &str = "4d796b87-de52-3777-ba9a-064672d42cfb";
const TABLE: &str = "_kombu.binding.reply.celery.pidbox";

/// As `kombu/pidbox.py: Mailbox.get_reply_queue` makes it.
fn reply_queue() -> Queue {
    Queue::named(format!("{OID}.reply.celery.pidbox"))
        .bound_to("reply.celery.pidbox", "direct", OID)
        .expiring(Duration::from_secs(10))
}

#[tokio::test]
async fn replies_reach_a_queue_that_leaves_nothing() {
    let server = Server::start().await;
    let client = server.client().await;
    let broker = broker(&server.url(), json!({}));
    let (mut consumer, acknowledger) = broker.consume(&[reply_queue()]).await.unwrap();
    // What Celery 5.7.0 writes for `app.control.ping()`.
    let members: Vec<String> = client.smembers(TABLE).await.unwrap();
    assert_eq!(members, [format!("{OID}\x06\x16\x06\x16{OID}.reply.celery.pidbox")]);
    let deadline: f64 = client.zscore("_kombu.binding_deadlines", "reply.celery.pidbox").await.unwrap();
    let (seconds, _): (i64, i64) = client.custom(fred::cmd!("TIME"), Vec::<String>::new()).await.unwrap();
    assert!((deadline / 1000.0 - seconds as f64 - 3600.0).abs() < 60.0, "{deadline} {seconds}");
    let permanent: i64 = client.exists("_kombu.binding_permanent.reply.celery.pidbox").await.unwrap();
    assert_eq!(permanent, 0);

    let publisher = broker.publisher().await.unwrap();
    let reply = Message::from_envelope(TASK.as_bytes()).unwrap();
    let replies = [
        Publication::new("reply.celery.pidbox", OID, reply.clone()),
        Publication::new("reply.celery.pidbox", "who", reply),
    ];
    publisher.publish_all(&replies).await.unwrap();
    let deliveries = fetch(&mut *consumer, 1).await;
    acknowledger.settle(&acks(&deliveries)).await.unwrap();
    acknowledger.close().await.unwrap();

    // One that came too late, in two steps.
    push(&client, &reply_queue().name, &["late"]).await;
    let () = client.lpush(format!("{}\x06\x169", reply_queue().name), "late").await.unwrap();
    publisher.delete(&[reply_queue()]).await.unwrap();
    publisher.delete(&[reply_queue()]).await.unwrap();
    let left: Vec<String> = client.custom(fred::cmd!("KEYS"), vec!["*"]).await.unwrap();
    // Whoever looks for invisible messages holds the mutex for a moment.
    let left: Vec<_> = left.into_iter().filter(|key| key != "unacked_mutex").collect();
    assert_eq!(left, ["_kombu.binding_deadlines"]);
}

#[tokio::test]
async fn other_queues_of_the_exchange_stay() {
    let server = Server::start().await;
    let client = server.client().await;
    let publisher = broker(&server.url(), json!({"global_keyprefix": "app:"})).publisher().await.unwrap();
    let queues = ["a", "b"].map(|name| Queue::named(name).bound_to("e", "topic", format!("{name}.#")));
    publisher.declare(&queues).await.unwrap();
    publisher.delete(&queues[..1]).await.unwrap();
    for table in ["app:_kombu.binding.e", "app:_kombu.binding_permanent.e"] {
        let members: Vec<String> = client.smembers(table).await.unwrap();
        assert_eq!(members, ["b.#\x06\x16^b\\..*?$\x06\x16b"]);
    }
    publisher.delete(&[]).await.unwrap();
}
