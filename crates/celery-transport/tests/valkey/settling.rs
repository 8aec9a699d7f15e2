//! Acknowledging and giving back.

use celery_transport::Settlement;
use celery_valkey::test_server::Server;
use fred::prelude::{HashesInterface, ListInterface};

use crate::sorted_order::push_sorted;
use crate::support::{TASK, consume_celery, envelope, fetch, keys, marks, names, push, unacked};

#[tokio::test]
async fn requeued_messages_come_last_and_restored_ones_first() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a", "b", "c", "d", "e"]).await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(4).await.unwrap();
    let [a, b, c, d] = &deliveries[..] else { panic!("four were asked for") };
    let batch = [
        Settlement::Requeue(a.tag.clone()),
        Settlement::Restore(b.tag.clone()),
        Settlement::Ack(c.tag.clone()),
        Settlement::Reject(d.tag.clone()),
    ];
    acknowledger.settle(&batch).await.unwrap();
    acknowledger.settle(&batch).await.unwrap();
    assert_eq!(unacked(&client).await, 0);

    let again = consumer.fetch(9).await.unwrap();
    assert_eq!(names(&again), ["b", "e", "a"]);
    assert_eq!(marks(&again), [true, false, true]);
}

#[tokio::test]
async fn a_requeued_message_is_kombus_byte_for_byte() {
    let server = Server::start().await;
    let client = server.client().await;
    let () = client.lpush("celery", TASK).await.unwrap();
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(1).await.unwrap();
    acknowledger.settle(&[Settlement::Requeue(deliveries[0].tag.clone())]).await.unwrap();
    let raw: String = client.lindex("celery", 0).await.unwrap();
    // With the count, which kombu does not keep and keeps.
    let counted = r#""redelivered": true, "x-delivery-count": 1"#;
    assert_eq!(raw.replacen(counted, r#""redelivered": true"#, 1), include_str!("captured/requeued.json"));
    assert!(raw.contains(counted));
    assert_eq!(keys(&client).await, ["celery", "celery-oxide.workers"]);
}

#[tokio::test]
async fn messages_go_back_to_their_priority_step() {
    let server = Server::start().await;
    let client = server.client().await;
    let () = client.lpush("celery\x06\x166", envelope("a", "celery", 7)).await.unwrap();
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let deliveries = consumer.fetch(1).await.unwrap();
    acknowledger.settle(&[Settlement::Restore(deliveries[0].tag.clone())]).await.unwrap();
    let length: i64 = client.llen("celery\x06\x166").await.unwrap();
    assert_eq!(length, 1);
}

#[tokio::test]
async fn a_redelivered_message_gets_a_tag_of_its_own() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let first = consumer.fetch(1).await.unwrap();
    acknowledger.settle(&[Settlement::Requeue(first[0].tag.clone())]).await.unwrap();
    let second = consumer.fetch(1).await.unwrap();
    assert_ne!(first[0].tag, second[0].tag);
    // A late acknowledgement by a former holder settles nothing.
    acknowledger.settle(&[Settlement::Ack(first[0].tag.clone())]).await.unwrap();
    let held: bool = client.hexists("unacked", &*second[0].tag.0).await.unwrap();
    assert!(held);
}

/// The reply to a settlement was lost, the message is taken again, and only then the settlement is repeated.
#[tokio::test]
async fn a_repetition_does_not_touch_what_the_same_worker_took_again() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a"]).await;
    push_sorted(&client, "celery", &[7]).await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let mut deliveries = fetch(&mut *consumer, 2).await;
    for settle in [Settlement::Requeue, Settlement::Restore] {
        let batch: Vec<_> = deliveries.iter().map(|delivery| settle(delivery.tag.clone())).collect();
        acknowledger.settle(&batch).await.unwrap();
        deliveries = fetch(&mut *consumer, 2).await;
        acknowledger.settle(&batch).await.unwrap();
        let acks: Vec<_> = batch.iter().map(|settlement| Settlement::Ack(settlement.tag().clone())).collect();
        acknowledger.settle(&acks).await.unwrap();
        assert!(consumer.fetch(9).await.unwrap().is_empty(), "what is held was given back");
        assert_eq!(unacked(&client).await, 1);
        assert_eq!(acknowledger.statistics().held, 2);
    }
}
