//! Who shares a broker, in which order it serves, and what it does for those who go away.

use std::time::Duration;

use celery_protocol::{
    Message, Properties,
    control::{Command, ControlRequest},
};
use celery_transport::{
    ConnectOptions, Error, Mailbox, PriorityOrder, Publication, Queue, Settlement, Transport, connect,
    contract::support::{acks, names},
    memory::Memory,
};
use serde_json::value::RawValue;

fn message(name: &str, priority: u8) -> Message {
    let properties = Properties {
        correlation_id: Some(name.to_owned()),
        priority: Some(priority),
        ..Properties::default()
    };
    Message::new(
        RawValue::from_string("{}".to_owned()).unwrap(),
        properties,
        "[]".into(),
        "application/json",
        "utf-8",
    )
}

async fn publish(transport: &dyn Transport, queue: &str, messages: &[(&str, u8)]) {
    let batch: Vec<_> = messages
        .iter()
        .map(|(name, priority)| Publication::new("", queue, message(name, *priority)))
        .collect();
    transport.publisher().await.unwrap().publish_all(&batch).await.unwrap();
}

#[tokio::test]
async fn one_name_is_one_broker() {
    let options = ConnectOptions::default();
    let (one, same) =
        (connect("memory://sharing", &options).unwrap(), connect("memory://sharing/", &options).unwrap());
    let other = connect("memory://another", &options).unwrap();
    assert_eq!(one.as_uri(), "memory://sharing");
    // Nobody has declared the queue: what a client sends waits for a worker.
    publish(&*one, "celery", &[("a", 0)]).await;
    drop(one);
    let queue = [Queue::named("celery")];
    let (mut consumer, _acknowledger) = other.consume(&queue).await.unwrap();
    assert!(consumer.fetch(9).await.unwrap().is_empty());
    let (mut consumer, acknowledger) = same.consume(&queue).await.unwrap();
    let came = consumer.fetch(9).await.unwrap();
    assert_eq!(names(&came), ["a"]);
    acknowledger.settle(&acks(&came)).await.unwrap();
}

#[tokio::test]
async fn a_url_with_more_than_a_name_is_refused() {
    for url in ["memory://a;memory://b", "memory://me:secret@here", "memory://a/b"] {
        let error = connect(url, &ConnectOptions::default()).unwrap_err();
        assert!(matches!(&error, Error::Url { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn priorities_go_before_the_order_of_the_queues() {
    let queues = [Queue::named("one"), Queue::named("two")];
    for (order, expected) in
        [(PriorityOrder::Celery, ["a", "d", "c", "e", "b"]), (PriorityOrder::High, ["b", "c", "e", "a", "d"])]
    {
        let broker = Memory::new().with_priority_order(order);
        publish(&broker, "one", &[("a", 0), ("b", 9), ("c", 3)]).await;
        publish(&broker, "two", &[("d", 0), ("e", 3)]).await;
        let (mut consumer, _acknowledger) = broker.consume(&queues).await.unwrap();
        let came = consumer.fetch(9).await.unwrap();
        let mut ranks: Vec<_> = came.iter().map(|delivery| delivery.rank).collect();
        assert!(ranks.is_sorted(), "{ranks:?}");
        ranks.dedup();
        assert_eq!(ranks.len(), 3);
        let mut names = names(&came);
        // Equal ones come from each queue in turn, whoever begins.
        for pair in came.windows(2).enumerate().filter(|(_, pair)| pair[0].rank == pair[1].rank) {
            names[pair.0..pair.0 + 2].sort();
        }
        assert_eq!(names, expected);
    }
}

#[tokio::test]
async fn what_goes_back_goes_to_its_place_or_to_the_end() {
    let broker = Memory::new();
    publish(&broker, "celery", &[("a", 0), ("b", 0), ("c", 0), ("d", 0)]).await;
    let (mut consumer, acknowledger) = broker.consume(&[Queue::named("celery")]).await.unwrap();
    let came = consumer.fetch(3).await.unwrap();
    let tag = |index: usize| came[index].tag.clone();
    let batch = [Settlement::Requeue(tag(0)), Settlement::Restore(tag(2)), Settlement::Restore(tag(1))];
    acknowledger.settle(&batch).await.unwrap();
    assert_eq!(names(&consumer.fetch(9).await.unwrap()), ["b", "c", "d", "a"]);
}

#[tokio::test]
async fn a_consumer_that_is_dropped_gives_back_what_it_holds() {
    let broker = Memory::new();
    publish(&broker, "celery", &[("a", 0), ("b", 0)]).await;
    let (mut consumer, acknowledger) = broker.consume(&[Queue::named("celery")]).await.unwrap();
    assert_eq!(names(&consumer.fetch(1).await.unwrap()), ["a"]);
    let load = broker.load();
    assert_eq!((load.waiting, load.held, load.entries), (1, 1, 2));
    drop(consumer);
    assert_eq!(broker.load().held, 1, "it can be settled still");
    drop(acknowledger);
    let load = broker.load();
    assert_eq!((load.waiting, load.held, load.entries), (2, 0, 3));
}

#[tokio::test]
async fn who_asks_knows_how_many_hear_it() {
    let broker = Memory::new();
    let _listeners = [
        broker.subscribe("celery.pidbox", &[]).await.unwrap(),
        broker.subscribe("celery.pidbox", &[]).await.unwrap(),
    ];
    let mut mailbox = Mailbox::open(&broker, "celery").await.unwrap();
    let request = ControlRequest::new(&Command::Ping).unwrap();
    let answers = mailbox.ask(request, Duration::from_millis(1), None).await.unwrap();
    assert_eq!(answers.heard, Some(2));
    drop(mailbox);
    assert_eq!(broker.bindings().await.unwrap(), []);
}

#[tokio::test]
async fn a_listener_that_does_not_keep_up_is_told_so_once() {
    let broker = Memory::new();
    let mut slow = broker.subscribe("celeryev", &["#"]).await.unwrap();
    let publisher = broker.publisher().await.unwrap();
    let event = |name: &str| Publication::new("celeryev", "task.sent", message(name, 0)).of_type("fanout");
    publisher.publish_all(&vec![event("early"); 5000]).await.unwrap();
    assert!(slow.next().await.unwrap_err().is_transient());
    assert_eq!(slow.next().await.unwrap().routing_key, "task.sent");
    publisher.publish_all(&[event("last")]).await.unwrap();
    let mut came = slow.next().await.unwrap();
    while came.message.as_ref().unwrap().properties.correlation_id.as_deref() != Some("last") {
        came = slow.next().await.unwrap();
    }
}
