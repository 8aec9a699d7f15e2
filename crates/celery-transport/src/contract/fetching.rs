//! What is delivered, to whom, and when.

use std::time::Duration;

use super::support::{PATIENCE, acks, assert_held, fetch, names, publish, queue, sorted};
use crate::Transport;

/// First in, first out within a queue; never more than was asked for.
pub async fn first_in_first_out_and_no_more_than_the_credit(transport: &dyn Transport) {
    let queue = queue();
    let (mut consumer, acknowledger) = transport.consume(std::slice::from_ref(&queue)).await.unwrap();
    publish(&*transport.publisher().await.unwrap(), &queue, &["a", "b", "c", "d", "e"]).await;
    assert!(consumer.fetch(0).await.unwrap().is_empty());
    let first = fetch(&mut *consumer, 2).await;
    assert_eq!(names(&first), ["a", "b"]);
    let second = fetch(&mut *consumer, 3).await;
    assert_eq!(names(&second), ["c", "d", "e"]);
    assert!(second.iter().all(|delivery| *delivery.queue == *queue.name));
    acknowledger.settle(&acks(&first)).await.unwrap();
    acknowledger.settle(&acks(&second)).await.unwrap();
    assert_eq!(acknowledger.close().await.unwrap(), 0);
}

/// A worker waits before it fetches, from the first time on, also when it holds all that it asked for.
pub async fn ready_comes_before_a_fetch(transport: &dyn Transport) {
    let queue = queue();
    let (mut consumer, _acknowledger) = transport.consume(std::slice::from_ref(&queue)).await.unwrap();
    publish(&*transport.publisher().await.unwrap(), &queue, &["a", "b", "c", "d", "e"]).await;
    let mut all = Vec::new();
    while all.len() < 5 {
        tokio::time::timeout(PATIENCE, consumer.ready()).await.unwrap().unwrap();
        all.extend(consumer.fetch(2).await.unwrap());
    }
    assert_eq!(names(&all), ["a", "b", "c", "d", "e"]);
}

/// A publication wakes who waits, and waiting can be given up.
pub async fn ready_wakes(transport: &dyn Transport) {
    let queue = queue();
    let (mut consumer, _acknowledger) = transport.consume(std::slice::from_ref(&queue)).await.unwrap();
    let publisher = transport.publisher().await.unwrap();
    assert!(consumer.fetch(9).await.unwrap().is_empty());
    let _ = tokio::time::timeout(Duration::from_millis(20), consumer.ready()).await;
    for name in ["a", "b"] {
        publish(&*publisher, &queue, &[name]).await;
        let mut came = Vec::new();
        while came.is_empty() {
            tokio::time::timeout(PATIENCE, consumer.ready()).await.unwrap().unwrap();
            came = consumer.fetch(9).await.unwrap();
        }
        assert_eq!(names(&came), [name]);
    }
}

/// Two consumers of a queue get each message once between them.
pub async fn two_consumers_share(transport: &dyn Transport) {
    let queue = queue();
    let queues = std::slice::from_ref(&queue);
    let (mut one, _one) = transport.consume(queues).await.unwrap();
    let (mut two, _two) = transport.consume(queues).await.unwrap();
    let published: Vec<String> = (0..40).map(|number| format!("{number:02}")).collect();
    let published: Vec<&str> = published.iter().map(String::as_str).collect();
    publish(&*transport.publisher().await.unwrap(), &queue, &published).await;
    let mut all = fetch(&mut *one, 10).await;
    all.extend(fetch(&mut *two, 10).await);
    while all.len() < 40 {
        for consumer in [&mut one, &mut two] {
            all.extend(consumer.fetch(10).await.unwrap());
            let _ = tokio::time::timeout(Duration::from_millis(20), consumer.ready()).await;
        }
    }
    assert_eq!(sorted(&all), published);
}

/// What is held and not settled, as by tasks that wait for their ETA, does not keep others from coming.
pub async fn what_is_held_does_not_block(transport: &dyn Transport) {
    let queue = queue();
    let (mut consumer, acknowledger) = transport.consume(std::slice::from_ref(&queue)).await.unwrap();
    let published: Vec<String> = (0..50).map(|number| format!("{number:02}")).collect();
    let published: Vec<&str> = published.iter().map(String::as_str).collect();
    publish(&*transport.publisher().await.unwrap(), &queue, &published).await;
    let mut all = Vec::new();
    while all.len() < 50 {
        let more = consumer.fetch(4).await.unwrap();
        assert!(more.len() <= 4);
        if more.is_empty() {
            tokio::time::timeout(PATIENCE, consumer.ready()).await.unwrap().unwrap();
        }
        all.extend(more);
    }
    assert_eq!(names(&all), published);
    assert_held(&*acknowledger, 50);
    acknowledger.settle(&acks(&all)).await.unwrap();
    assert_held(&*acknowledger, 0);
}
