//! What becomes of deliveries.

use super::support::{
    acks, assert_held, fetch, is_redelivered, names, nothing_comes, publication, publish, queue, sorted,
};
use crate::{Settlement, Transport};

/// Acknowledged and rejected messages never come again; to settle twice is nothing.
pub async fn settled_messages_are_forgotten(transport: &dyn Transport) {
    let queue = queue();
    let queues = std::slice::from_ref(&queue);
    let (mut consumer, acknowledger) = transport.consume(queues).await.unwrap();
    publish(&*transport.publisher().await.unwrap(), &queue, &["a", "b"]).await;
    let deliveries = fetch(&mut *consumer, 2).await;
    let batch = [Settlement::Ack(deliveries[0].tag.clone()), Settlement::Reject(deliveries[1].tag.clone())];
    acknowledger.settle(&batch).await.unwrap();
    acknowledger.settle(&batch).await.unwrap();
    assert_eq!(acknowledger.close().await.unwrap(), 0);
    assert!(consumer.fetch(9).await.unwrap().is_empty(), "a closed consumer");
    let (mut other, _other) = transport.consume(queues).await.unwrap();
    assert!(nothing_comes(&mut *other).await);
}

/// What goes back comes again, marked, under another tag. The old tag is nothing any more.
pub async fn what_goes_back_comes_again(transport: &dyn Transport) {
    let queue = queue();
    let (mut consumer, acknowledger) = transport.consume(std::slice::from_ref(&queue)).await.unwrap();
    publish(&*transport.publisher().await.unwrap(), &queue, &["a", "b", "c"]).await;
    let first = fetch(&mut *consumer, 3).await;
    assert!(!first.iter().any(is_redelivered));
    let batch = [
        Settlement::Requeue(first[0].tag.clone()),
        Settlement::Restore(first[1].tag.clone()),
        Settlement::Ack(first[2].tag.clone()),
    ];
    acknowledger.settle(&batch).await.unwrap();
    let again = fetch(&mut *consumer, 2).await;
    assert_eq!(sorted(&again), ["a", "b"]);
    assert!(again.iter().all(is_redelivered));
    assert!(again.iter().all(|delivery| first.iter().all(|earlier| earlier.tag != delivery.tag)));
    acknowledger.settle(&batch).await.unwrap();
    assert_held(&*acknowledger, 2);
    acknowledger.settle(&acks(&again)).await.unwrap();
    assert!(nothing_comes(&mut *consumer).await);
}

/// A consumer that is closed gives back what it holds, and says how much that was.
pub async fn closing_gives_back(transport: &dyn Transport) {
    let queue = queue();
    let queues = std::slice::from_ref(&queue);
    let (mut consumer, acknowledger) = transport.consume(queues).await.unwrap();
    publish(&*transport.publisher().await.unwrap(), &queue, &["a", "b", "c"]).await;
    let deliveries = fetch(&mut *consumer, 3).await;
    acknowledger.settle(&acks(&deliveries[..1])).await.unwrap();
    assert_eq!(acknowledger.close().await.unwrap(), 2);
    let (mut other, acknowledger) = transport.consume(queues).await.unwrap();
    let again = fetch(&mut *other, 2).await;
    assert_eq!(names(&again), ["b", "c"]);
    assert!(again.iter().all(is_redelivered));
    acknowledger.settle(&acks(&again)).await.unwrap();
}

/// Many messages, acknowledged and given back in pieces that overlap: each ends exactly once.
pub async fn a_large_batch_is_settled_in_pieces(transport: &dyn Transport) {
    const COUNT: usize = 2000;
    let queue = queue();
    let (mut consumer, acknowledger) = transport.consume(std::slice::from_ref(&queue)).await.unwrap();
    let publisher = transport.publisher().await.unwrap();
    let expected: Vec<String> = (0..COUNT).map(|number| format!("{number:05}")).collect();
    let batch: Vec<_> = expected.iter().map(|name| publication(&queue, name)).collect();
    publisher.publish_all(&batch).await.unwrap();
    let mut ended = Vec::new();
    while ended.len() < COUNT {
        let deliveries = fetch(&mut *consumer, (COUNT - ended.len()).min(300)).await;
        let every = |rest: usize| deliveries.iter().enumerate().filter(move |(index, _)| index % 3 == rest);
        // Every third goes back the first time; the others end in two pieces.
        let (mut one, mut two, mut names_of) = (Vec::new(), Vec::new(), Vec::new());
        for (index, delivery) in every(0).chain(every(1)).chain(every(2)) {
            let tag = delivery.tag.clone();
            if index % 3 == 1 && !is_redelivered(delivery) {
                two.push(Settlement::Restore(tag));
                continue;
            }
            names_of.extend(names(std::slice::from_ref(delivery)));
            if index % 3 == 0 { one.push(Settlement::Ack(tag)) } else { two.push(Settlement::Ack(tag)) }
        }
        tokio::join!(async { acknowledger.settle(&one).await.unwrap() }, async {
            acknowledger.settle(&two).await.unwrap()
        });
        ended.extend(names_of);
    }
    ended.sort();
    assert_eq!(ended, expected);
    assert_eq!(acknowledger.close().await.unwrap(), 0);
}
