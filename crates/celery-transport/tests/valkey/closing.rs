//! The end of a consumer.

use std::time::Duration;

use celery_valkey::test_server::Server;
use fred::prelude::ListInterface;

use crate::support::{acks, consume_celery, keys, marks, names, push};

#[tokio::test]
async fn what_is_held_goes_back_in_order() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a", "b", "c", "d", "e"]).await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let mut deliveries = consumer.fetch(2).await.unwrap();
    deliveries.extend(consumer.fetch(2).await.unwrap());
    acknowledger.settle(&acks(&deliveries[1..2])).await.unwrap();
    assert_eq!(acknowledger.close().await.unwrap(), 3);
    assert_eq!(acknowledger.close().await.unwrap(), 0);
    assert_eq!(keys(&client).await, ["celery"]);

    let (mut consumer, acknowledger) = consume_celery(&server).await;
    let again = consumer.fetch(9).await.unwrap();
    assert_eq!(names(&again), ["a", "c", "d", "e"]);
    assert_eq!(marks(&again), [true, true, true, false]);
    acknowledger.settle(&acks(&again)).await.unwrap();
    assert_eq!(acknowledger.close().await.unwrap(), 0);
    assert!(keys(&client).await.is_empty());
}

#[tokio::test]
async fn a_closed_consumer_takes_nothing() {
    let server = Server::start().await;
    let client = server.client().await;
    let (mut consumer, acknowledger) = consume_celery(&server).await;
    assert_eq!(acknowledger.close().await.unwrap(), 0);
    push(&client, "celery", &["a"]).await;
    assert!(consumer.fetch(1).await.unwrap().is_empty());
    assert!(tokio::time::timeout(Duration::from_millis(20), consumer.ready()).await.is_err());
    let length: i64 = client.llen("celery").await.unwrap();
    assert_eq!(length, 1);
}
