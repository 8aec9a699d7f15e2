//! Several brokers at a time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use celery_protocol::Message;
use celery_transport::{
    Acknowledger, ConnectOptions, Consumer, Delivery, Publication, Queue, Settlement, Transport, connect_all,
};
use celery_valkey::test_server::Server;
use fred::prelude::{HashesInterface, ListInterface};
use serde_json::json;

use crate::support::{TASK, acks, fetch, keys, names, push, unacked, until};

fn together(servers: &[&Server]) -> Box<dyn Transport> {
    let options = json!({"socket_timeout": 2, "socket_connect_timeout": 1});
    let options = ConnectOptions::new(options.as_object().unwrap().clone(), "celery@test");
    connect_all(&servers.iter().map(|server| server.url()).collect::<Vec<_>>(), &options).unwrap()
}

async fn consume(servers: &[&Server]) -> (Box<dyn Consumer>, Arc<dyn Acknowledger>) {
    together(servers).consume(&[Queue::named("celery")]).await.unwrap()
}

fn message() -> Message {
    Message::from_envelope(TASK.as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_both_comes_and_is_settled_where_it_was() {
    let (one, two) = (Server::start().await, Server::start().await);
    let (first, second) = (one.client().await, two.client().await);
    push(&first, "celery", &["a", "b", "c", "d", "e"]).await;
    push(&second, "celery", &["v", "w", "x", "y", "z"]).await;
    let (mut consumer, acknowledger) = consume(&[&one, &two]).await;
    let deliveries = fetch(&mut *consumer, 4).await;
    // The same tag on both brokers would be another message.
    acknowledger.settle(&acks(&deliveries[..2])).await.unwrap();
    let back: Vec<_> =
        deliveries[2..].iter().map(|delivery| Settlement::Restore(delivery.tag.clone())).collect();
    acknowledger.settle(&back).await.unwrap();
    assert_eq!(acknowledger.statistics().settled, 4);
    let rest = fetch(&mut *consumer, 8).await;
    acknowledger.settle(&acks(&rest)).await.unwrap();
    let mut came = [names(&deliveries[..2]), names(&rest)].concat();
    came.sort();
    assert_eq!(came, ["a", "b", "c", "d", "e", "v", "w", "x", "y", "z"]);
    for client in [&first, &second] {
        assert_eq!(keys(client).await, ["celery-oxide.workers"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_to_either_wakes() {
    let (one, two) = (Server::start().await, Server::start().await);
    let (mut consumer, acknowledger) = consume(&[&one, &two]).await;
    for server in [&two, &one] {
        while !consumer.fetch(4).await.unwrap().is_empty() {}
        while tokio::time::timeout(Duration::from_millis(50), consumer.ready()).await.is_ok() {
            assert!(consumer.fetch(4).await.unwrap().is_empty());
        }
        push(&server.client().await, "celery", &["a"]).await;
        tokio::time::timeout(Duration::from_secs(5), consumer.ready()).await.unwrap().unwrap();
        let deliveries = fetch(&mut *consumer, 1).await;
        acknowledger.settle(&acks(&deliveries)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_away_at_the_start_comes_later() {
    let (one, mut two) = (Server::start().await, Server::start().await);
    two.kill();
    let client = one.client().await;
    push(&client, "celery", &["a"]).await;
    // The first may be away as well as any other.
    let (mut consumer, acknowledger) = consume(&[&two, &one]).await;
    let deliveries = fetch(&mut *consumer, 1).await;
    assert_eq!(names(&deliveries), ["a"]);
    acknowledger.settle(&acks(&deliveries)).await.unwrap();
    two.restart().await;
    push(&two.client().await, "celery", &["b"]).await;
    assert_eq!(names(&fetch(&mut *consumer, 1).await), ["b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_are_away_that_is_an_error() {
    let (mut one, mut two) = (Server::start().await, Server::start().await);
    let (mut consumer, _acknowledger) = consume(&[&one, &two]).await;
    one.kill();
    two.kill();
    let end = Instant::now() + Duration::from_secs(20);
    let error = loop {
        assert!(Instant::now() < end);
        match consumer.fetch(1).await {
            Ok(deliveries) => assert!(deliveries.is_empty()),
            Err(error) => break error,
        }
        let _ = tokio::time::timeout(Duration::from_millis(100), consumer.ready()).await;
    };
    assert!(error.is_transient(), "{error}");
    assert!(
        together(&[&one, &two])
            .consume(&[Queue::named("celery")])
            .await
            .is_err_and(|error| error.is_transient())
    );
    one.restart().await;
    push(&one.client().await, "celery", &["a"]).await;
    assert_eq!(names(&fetch(&mut *consumer, 1).await), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_says_nothing_holds_up_nobody() {
    let (one, two) = (Server::start().await, Server::start().await);
    let (first, second) = (one.client().await, two.client().await);
    push(&first, "celery", &["a"]).await;
    push(&second, "celery", &["b"]).await;
    let (mut consumer, acknowledger) = consume(&[&one, &two]).await;
    let deliveries = fetch(&mut *consumer, 2).await;
    two.signal("STOP");
    let stopped = Instant::now();
    acknowledger.settle(&acks(&deliveries)).await.unwrap();
    assert_eq!(unacked(&first).await, 0);
    // A second batch does not even wait for its patience to run out.
    for number in 0..5 {
        push(&first, "celery", &[&format!("more{number}")]).await;
        let more = fetch(&mut *consumer, 1).await;
        acknowledger.settle(&acks(&more)).await.unwrap();
    }
    assert!(stopped.elapsed() < Duration::from_secs(12), "{:?}", stopped.elapsed());
    assert_eq!(unacked(&first).await, 0);
    two.signal("CONT");
    // What was settled meanwhile reaches it, and it is fetched from again.
    until("it is settled there as well", || async { unacked(&second).await == 0 }).await;
    push(&second, "celery", &["again"]).await;
    assert_eq!(names(&fetch(&mut *consumer, 1).await), ["again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_fetched_and_not_handed_over_goes_back_unstarted() {
    let (one, two) = (Server::start().await, Server::start().await);
    let (first, second) = (one.client().await, two.client().await);
    push(&first, "celery", &["a", "b", "c"]).await;
    push(&second, "celery", &["x", "y", "z"]).await;
    let (mut consumer, acknowledger) = consume(&[&one, &two]).await;
    // The others came too late for their credit.
    let taken: Vec<Delivery> = loop {
        let deliveries = consumer.fetch(2).await.unwrap();
        if !deliveries.is_empty() {
            break deliveries;
        }
    };
    drop(consumer);
    acknowledger.settle(&acks(&taken)).await.unwrap();
    acknowledger.close().await.unwrap();
    for (client, server) in [(&first, &one), (&second, &two)] {
        assert_eq!(unacked(client).await, 0);
        let left: i64 = client.llen("celery").await.unwrap();
        let (mut consumer, _acknowledger) = consume(&[server]).await;
        let again = fetch(&mut *consumer, usize::try_from(left).unwrap()).await;
        for delivery in again {
            let headers = delivery.message.unwrap().headers;
            assert!(!headers.get().contains("x-delivery-count"), "{headers}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_changed_on_both() {
    let (one, two) = (Server::start().await, Server::start().await);
    let (mut consumer, _acknowledger) = consume(&[&one, &two]).await;
    consumer.consume_from(&[Queue::named("other")]).await.unwrap();
    push(&one.client().await, "other", &["a"]).await;
    push(&two.client().await, "other", &["b"]).await;
    push(&two.client().await, "celery", &["no"]).await;
    let mut came = names(&fetch(&mut *consumer, 2).await);
    came.sort();
    assert_eq!(came, ["a", "b"]);
    let fanout = Queue::named("two").bound_to("celeryev", "fanout", "");
    assert!(!consumer.consume_from(&[fanout]).await.unwrap_err().is_transient());
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_go_to_the_first_and_fanout_to_all_and_answers_back() {
    let (one, two) = (Server::start().await, Server::start().await);
    let brokers = together(&[&one, &two]);
    let publisher = brokers.publisher().await.unwrap();
    let mut heard = brokers.subscribe("celery.pidbox", &[]).await.unwrap();
    publisher
        .publish_all(&[
            Publication::new("", "celery", message()),
            Publication::new("celery.pidbox", "", message()).of_type("fanout"),
            Publication::new("", "answers", message()).to_broker(1),
            Publication::new("", "celery", message()).to_broker(7),
        ])
        .await
        .unwrap();
    let mut from = [heard.next().await.unwrap().broker, heard.next().await.unwrap().broker];
    from.sort_unstable();
    assert_eq!(from, [0, 1]);
    assert_eq!(keys(&one.client().await).await, ["celery"]);
    assert_eq!(keys(&two.client().await).await, ["answers"]);

    publisher.declare(&[Queue::named("mine")]).await.unwrap();
    assert!(crate::support::exists(&one.client().await, "_kombu.binding.mine").await);
    assert_eq!(brokers.purge(&Queue::named("celery")).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_those_that_are_there() {
    let (one, mut two) = (Server::start().await, Server::start().await);
    let brokers = together(&[&one, &two]);
    two.kill();
    let publisher = brokers.publisher().await.unwrap();
    let mut heard = brokers.subscribe("celeryev", &["#"]).await.unwrap();
    let event = || Publication::new("celeryev", "worker.online", message()).of_type("fanout");
    publisher.publish_all(&[event()]).await.unwrap();
    assert_eq!(heard.next().await.unwrap().broker, 0);
    two.restart().await;
    let end = Instant::now() + Duration::from_secs(20);
    while heard_from(&mut *heard).await != Some(1) {
        assert!(Instant::now() < end, "the second broker was not listened to again");
        publisher.publish_all(&[event()]).await.unwrap();
    }
}

async fn heard_from(heard: &mut dyn celery_transport::Subscription) -> Option<usize> {
    let next = tokio::time::timeout(Duration::from_millis(50), heard.next()).await;
    next.ok().map(|broadcast| broadcast.unwrap().broker)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_on_either_is_seen_in_order() {
    let (one, two) = (Server::start().await, Server::start().await);
    push(&one.client().await, "celery", &["later"]).await;
    push(&two.client().await, "celery", &["sooner"]).await;
    let (mut consumer, acknowledger) = consume(&[&one, &two]).await;
    for delivery in fetch(&mut *consumer, 2).await {
        let seconds = if names(std::slice::from_ref(&delivery)) == ["later"] { 200.0 } else { 100.0 };
        acknowledger.settle(&crate::parking::park(&[delivery], seconds)).await.unwrap();
    }
    let parked = acknowledger.parked(10).await.unwrap();
    let tags: Vec<_> = parked.iter().map(|one| one.message.properties.delivery_tag.as_deref()).collect();
    assert_eq!(tags, [Some("sooner"), Some("later")]);
    assert_eq!(acknowledger.parked(1).await.unwrap().len(), 1);
    assert!(acknowledger.shortest_parking().is_some());
    let held: i64 = one.client().await.hlen("unacked").await.unwrap();
    assert_eq!(held, 1);
}

#[test]
fn none_is_refused_and_one_is_itself() {
    let options = ConnectOptions::default();
    assert!(connect_all(&[] as &[&str], &options).is_err());
    assert_eq!(connect_all(&["redis://h"], &options).unwrap().as_uri(), "redis://h");
    let both = connect_all(&["redis://:secret@a", "valkey://b/1"], &options).unwrap().as_uri();
    assert!(both.contains(" and ") && !both.contains("secret"), "{both}");
    assert!(connect_all(&["redis://h", "nonsense://x"], &options).is_err());
}
