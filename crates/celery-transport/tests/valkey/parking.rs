//! Messages of lists that the broker keeps for later.

use std::time::{Duration, Instant, SystemTime};

use celery_transport::{Delivery, Settlement};
use celery_valkey::test_server::Server;
use fred::prelude::{Client, HashesInterface, ListInterface, SortedSetsInterface};
use serde_json::json;

use crate::{
    sorted::{now, scores},
    support::{
        TASK, acks, consume, consume_celery, envelope, fetch, keys, marks, names, push, text, unacked, until,
    },
};

pub(crate) fn park(deliveries: &[Delivery], seconds: f64) -> Vec<Settlement> {
    let due = SystemTime::now() + Duration::from_secs_f64(seconds);
    deliveries.iter().map(|delivery| Settlement::Park { tag: delivery.tag.clone(), due }).collect()
}

/// Makes everything that is parked due in `seconds`.
async fn hurry(client: &Client, seconds: f64) {
    let due = now(client).await + seconds;
    for (member, _) in scores(client, "celery-oxide.parked").await {
        let () = client.zadd("celery-oxide.parked", None, None, false, false, (due, member)).await.unwrap();
    }
}

#[tokio::test]
async fn it_leaves_the_worker_and_any_other_gets_it_when_it_is_due() {
    let server = Server::start().await;
    let client = server.client().await;
    let () = client.lpush("celery\x06\x166", TASK).await.unwrap();
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    assert!(acknowledger.shortest_parking().is_some());
    let deliveries = consumer.fetch(1).await.unwrap();
    let before = now(&client).await;
    let batch = park(&deliveries, 3600.0);
    acknowledger.settle(&batch).await.unwrap();
    acknowledger.settle(&batch).await.unwrap();
    // Nobody's, and for a stock worker older than the visibility timeout when it is due.
    assert_eq!(
        keys(&client).await,
        ["celery-oxide.parked", "celery-oxide.workers", "unacked", "unacked_index"]
    );
    let score: f64 = client.zscore("unacked_index", &*deliveries[0].tag.0).await.unwrap();
    assert!((score - before).abs() < 1.0, "{score} {before}");
    assert_eq!(acknowledger.close().await.unwrap(), 0);
    drop((consumer, acknowledger));

    // A worker of other queues lets go of it as well.
    hurry(&client, 3.5).await;
    let (_other, other_acknowledger) = consume(&server, &["other"], json!({})).await;
    until("it is back", || async { client.llen::<i64, _>("celery\x06\x166").await.unwrap() == 1 }).await;
    assert_eq!(other_acknowledger.close().await.unwrap(), 0);
    assert_eq!(keys(&client).await, ["celery\x06\x166"]);
    let raw: String = client.lindex("celery\x06\x166", 0).await.unwrap();
    assert_eq!(raw, TASK, "parking is no delivery and leaves no trace");
    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    assert_eq!(marks(&consumer.fetch(1).await.unwrap()), [false]);
}

#[tokio::test]
async fn it_is_let_go_a_little_early_and_not_before() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a", "b", "c"]).await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(3).await.unwrap();
    let parked = Instant::now();
    acknowledger.settle(&park(&deliveries, 6.0)).await.unwrap();
    assert!(consumer.fetch(3).await.unwrap().is_empty());
    consumer.ready().await.unwrap();
    let waited = parked.elapsed();
    assert!(waited > Duration::from_secs_f64(2.9), "{waited:?} is too early");
    let again = fetch(&mut *consumer, 3).await;
    assert!(parked.elapsed() < Duration::from_secs(9), "{:?} is too late", parked.elapsed());
    assert_eq!(names(&again), ["a", "b", "c"]);
    acknowledger.settle(&acks(&again)).await.unwrap();
    assert_eq!(keys(&client).await, ["celery-oxide.workers"]);
}

#[tokio::test]
async fn what_is_due_first_is_served_first_and_before_what_waits() {
    let server = Server::start().await;
    let client = server.client().await;
    let tags: Vec<String> = (0..1300).map(|number| format!("t{number:04}")).collect();
    push(&client, "celery", &tags.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(1300).await.unwrap();
    let now = SystemTime::now();
    let due = |index: usize| now + Duration::from_secs(100) + Duration::from_secs(index as u64 % 2);
    let batch: Vec<_> = deliveries
        .iter()
        .enumerate()
        .map(|(index, delivery)| Settlement::Park { tag: delivery.tag.clone(), due: due(index) })
        .collect();
    acknowledger.settle(&batch).await.unwrap();
    assert_eq!(acknowledger.statistics().parked, 1300);
    push(&client, "celery", &["waits"]).await;
    for (index, (member, _)) in scores(&client, "celery-oxide.parked").await.into_iter().enumerate() {
        let score = (f64::from(u32::try_from(index).unwrap()), member);
        let () = client.zadd("celery-oxide.parked", None, None, false, false, score).await.unwrap();
    }
    until("all are back", || async { client.llen::<i64, _>("celery").await.unwrap() == 1301 }).await;
    let again = names(&consumer.fetch(1301).await.unwrap());
    let mut expected: Vec<_> = tags.iter().step_by(2).chain(tags.iter().skip(1).step_by(2)).collect();
    let waits = "waits".to_owned();
    expected.push(&waits);
    assert_eq!(again.iter().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn what_a_stock_worker_restored_and_holds_is_not_taken_from_it() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(1).await.unwrap();
    acknowledger.settle(&park(&deliveries, 3600.0)).await.unwrap();
    // kombu's QoS.restore_by_tag, then QoS.append under the tag of the envelope.
    let tag = &*deliveries[0].tag.0;
    let triple: String = client.hget("unacked", tag).await.unwrap();
    let () = client.hdel("unacked", tag).await.unwrap();
    let () = client.zrem("unacked_index", tag).await.unwrap();
    let () = client.hset("unacked", ("a", triple)).await.unwrap();
    let () = client.zadd("unacked_index", None, None, false, false, (now(&client).await, "a")).await.unwrap();
    hurry(&client, 1.0).await;
    until("ours has looked", || async { scores(&client, "celery-oxide.parked").await.is_empty() }).await;
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    assert_eq!(unacked(&client).await, 1);
}

#[tokio::test]
async fn a_stock_worker_restores_it_when_it_is_due() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    let options = json!({"visibility_timeout": 60});
    let (mut consumer, acknowledger) = consume(&server, &["celery"], options).await;
    let deliveries = consumer.fetch(1).await.unwrap();
    let due = now(&client).await + 10.0;
    acknowledger.settle(&park(&deliveries, 10.0)).await.unwrap();
    let score: f64 = client.zscore("unacked_index", &*deliveries[0].tag.0).await.unwrap();
    assert!((score + 60.0 - due).abs() < 1.0, "{score} {due}");
}

#[tokio::test]
async fn the_first_of_them_can_be_looked_at() {
    let server = Server::start().await;
    let client = server.client().await;
    let (mut consumer, acknowledger) = consume(&server, &["one", "two"], json!({})).await;
    assert!(acknowledger.parked(10).await.unwrap().is_empty());
    let () = client.lpush("one", envelope("later", "one", 0)).await.unwrap();
    let () = client.lpush("two\x06\x163", envelope("sooner", "two", 3)).await.unwrap();
    let deliveries = consumer.fetch(2).await.unwrap();
    for delivery in &deliveries {
        let seconds = if &*delivery.queue == "one" { 200.0 } else { 100.0 };
        acknowledger.settle(&park(std::slice::from_ref(delivery), seconds)).await.unwrap();
    }
    let parked = acknowledger.parked(10).await.unwrap();
    let seen: Vec<_> = parked
        .iter()
        .map(|parked| (parked.message.properties.delivery_tag.as_deref().unwrap(), &*parked.queue))
        .collect();
    assert_eq!(seen, [("sooner", "two"), ("later", "one")]);
    let wait = parked[0].due.duration_since(SystemTime::now()).unwrap();
    assert!(wait > Duration::from_secs(95) && wait <= Duration::from_secs(101), "{wait:?}");
    assert_eq!(acknowledger.parked(1).await.unwrap().len(), 1);
    assert!(acknowledger.parked(0).await.unwrap().is_empty());
}

#[tokio::test]
async fn odd_bytes_and_odd_names_come_back_as_they_were() {
    let server = Server::start().await;
    let client = server.client().await;
    let odd: [&[u8]; 5] = [
        b"\xff\x00\"\\\n\x7f",
        b"",
        "{\"a\": \"é\"}".as_bytes(),
        br#"{"body": "", "properties": {"delivery_info": {"exchange": "a\"b", "routing_key": "c\\d"}}}"#,
        br#"{"body": ", \"x\", \"y\"]", "properties": {"delivery_tag": "t"}}"#,
    ];
    for raw in odd {
        let () = client.lpush("odd \"q\"", fred::types::Value::Bytes(raw.into())).await.unwrap();
    }
    let (mut consumer, acknowledger) = consume(&server, &["odd \"q\""], json!({})).await;
    let deliveries = consumer.fetch(9).await.unwrap();
    acknowledger.settle(&park(&deliveries, 1.0)).await.unwrap();
    until("they are back", || async { client.llen::<usize, _>("odd \"q\"").await.unwrap() == odd.len() })
        .await;
    let mut back: Vec<bytes::Bytes> = client.lrange("odd \"q\"", 0, -1).await.unwrap();
    back.reverse();
    assert_eq!(back, odd);
    assert_eq!(unacked(&client).await, 0);
}

#[tokio::test]
async fn one_queue_that_cannot_be_pushed_to_does_not_hold_up_others() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "one", &["a"]).await;
    push(&client, "two", &["b"]).await;
    let (mut consumer, acknowledger) = consume(&server, &["one", "two"], json!({})).await;
    let deliveries = consumer.fetch(2).await.unwrap();
    acknowledger.settle(&park(&deliveries, 100.0)).await.unwrap();
    let () = client.hset("one", ("a", "hash")).await.unwrap();
    hurry(&client, 1.0).await;
    until("the other is back", || async { client.llen::<i64, _>("two").await.unwrap() == 1 }).await;
    assert_eq!(scores(&client, "celery-oxide.parked").await.len(), 1);
    assert_eq!(unacked(&client).await, 1);
    let () = fred::prelude::KeysInterface::del(&client, "one").await.unwrap();
    until("it is back as well", || async { client.llen::<i64, _>("one").await.unwrap() == 1 }).await;
}

#[tokio::test]
async fn what_is_not_held_any_more_is_not_parked() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a", "b"]).await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(2).await.unwrap();
    acknowledger.settle(&acks(&deliveries[..1])).await.unwrap();
    acknowledger.settle(&park(&deliveries, 100.0)).await.unwrap();
    assert_eq!((unacked(&client).await, scores(&client, "celery-oxide.parked").await.len()), (1, 1));
    // Nor settled in another way afterwards.
    acknowledger.settle(&acks(&deliveries)).await.unwrap();
    acknowledger.settle(&[Settlement::Requeue(deliveries[1].tag.clone())]).await.unwrap();
    assert_eq!((unacked(&client).await, scores(&client, "celery-oxide.parked").await.len()), (1, 1));
}

#[tokio::test]
async fn a_full_server_parks_and_lets_go() {
    use fred::prelude::ClientLike;
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(1).await.unwrap();
    let full = vec!["SET", "maxmemory", "1"];
    let reply = client.custom(fred::cmd!("CONFIG"), full).await.unwrap();
    assert_eq!(text(reply), "OK");
    acknowledger.settle(&park(&deliveries, 0.0)).await.unwrap();
    assert_eq!(names(&fetch(&mut *consumer, 1).await), ["a"]);
}

#[tokio::test]
async fn what_is_overdue_because_nobody_was_there_is_not_marked() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(1).await.unwrap();
    acknowledger.settle(&park(&deliveries, 3600.0)).await.unwrap();
    assert_eq!(acknowledger.close().await.unwrap(), 0);
    drop((consumer, acknowledger));
    let due = now(&client).await - 60.0;
    for (key, score) in [("celery-oxide.parked", due), ("unacked_index", due - 3600.0)] {
        let (member, _) = scores(&client, key).await.remove(0);
        let () = client.zadd(key, None, None, false, false, (score, member)).await.unwrap();
    }
    let (mut consumer, _acknowledger) = consume_celery(&server).await;
    let again = fetch(&mut *consumer, 1).await;
    assert_eq!((names(&again), marks(&again)), (vec!["a".to_owned()], vec![false]));
    assert!(scores(&client, "celery-oxide.parked").await.is_empty());
}

#[tokio::test]
async fn large_ones_go_back_in_small_pieces_and_in_order() {
    let server = Server::start().await;
    let client = server.client().await;
    let raws: Vec<String> = (0..5)
        .map(|number| envelope(&format!("t{number}"), "celery", 0).replace("(1, 2)", &"x".repeat(3 << 20)))
        .collect();
    for raw in &raws {
        let () = client.lpush("celery", raw.as_str()).await.unwrap();
    }
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = fetch(&mut *consumer, 5).await;
    acknowledger.settle(&park(&deliveries, 1.0)).await.unwrap();
    until("all are back", || async { client.llen::<i64, _>("celery").await.unwrap() == 5 }).await;
    assert_eq!(names(&consumer.fetch(5).await.unwrap()), ["t0", "t1", "t2", "t3", "t4"]);
}
