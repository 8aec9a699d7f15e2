//! Queues that are added and cancelled while a consumer runs.

use super::support::{acks, fetch, names, nothing_comes, publish, queue, sorted};
use crate::{Settlement, Transport};

/// A consumer turns to other queues. What it holds of those that it leaves is settled as ever.
pub async fn other_queues_from_the_next_fetch_on(transport: &dyn Transport) {
    let [one, two, three] = [queue(), queue(), queue()];
    let (mut consumer, acknowledger) = transport.consume(&[one.clone(), two.clone()]).await.unwrap();
    let publisher = transport.publisher().await.unwrap();
    publish(&*publisher, &one, &["a", "b"]).await;
    let held = fetch(&mut *consumer, 1).await;
    consumer.consume_from(&[two.clone(), three.clone()]).await.unwrap();
    publish(&*publisher, &one, &["c"]).await;
    publish(&*publisher, &two, &["d"]).await;
    publish(&*publisher, &three, &["e"]).await;
    let came = fetch(&mut *consumer, 2).await;
    assert_eq!(sorted(&came), ["d", "e"]);
    let batch = [Settlement::Restore(held[0].tag.clone())];
    acknowledger.settle(&batch).await.unwrap();
    acknowledger.settle(&acks(&came)).await.unwrap();
    assert!(nothing_comes(&mut *consumer).await);
    let (mut other, _other) = transport.consume(&[one]).await.unwrap();
    assert_eq!(sorted(&fetch(&mut *other, 3).await), ["a", "b", "c"]);
}

/// No queue at all is no error.
pub async fn none_and_again_some(transport: &dyn Transport) {
    let queue = queue();
    let (mut consumer, _acknowledger) = transport.consume(std::slice::from_ref(&queue)).await.unwrap();
    consumer.consume_from(&[]).await.unwrap();
    publish(&*transport.publisher().await.unwrap(), &queue, &["a"]).await;
    assert!(nothing_comes(&mut *consumer).await);
    consumer.consume_from(std::slice::from_ref(&queue)).await.unwrap();
    assert_eq!(names(&fetch(&mut *consumer, 1).await), ["a"]);
}
