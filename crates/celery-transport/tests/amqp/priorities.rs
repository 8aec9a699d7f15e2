//! Which message is served first.

use celery_transport::Transport;

use crate::support::{acks, broker, fetch, names, node, publication, queue};

#[tokio::test(flavor = "multi_thread")]
async fn the_higher_is_served_first_and_ranks_say_so() {
    let node = node().await;
    let broker = broker(&node.url());
    let queue = queue().with_max_priority(9);
    let publisher = broker.publisher().await.unwrap();
    publisher.declare(std::slice::from_ref(&queue)).await.unwrap();
    let priorities = [0, 9, 4, 200, 4, 0];
    let batch: Vec<_> = priorities
        .iter()
        .enumerate()
        .map(|(index, priority)| publication(&queue, &index.to_string(), *priority))
        .collect();
    publisher.publish_all(&batch).await.unwrap();
    let (mut consumer, acknowledger) = broker.consume(std::slice::from_ref(&queue)).await.unwrap();
    let (all, _) = fetch(&mut *consumer, 6).await;
    // 200 counts as the highest that the queue knows.
    assert_eq!(names(&all), ["1", "3", "2", "4", "0", "5"]);
    let ranks: Vec<u16> = all.iter().map(|delivery| delivery.rank).collect();
    assert_eq!(ranks, [246, 246, 251, 251, 255, 255]);
    acknowledger.settle(&acks(&all)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_max_priority_first_in_first_out() {
    let node = node().await;
    let broker = broker(&node.url());
    let queue = queue();
    let (mut consumer, _acknowledger) = broker.consume(std::slice::from_ref(&queue)).await.unwrap();
    let batch = [publication(&queue, "a", 0), publication(&queue, "b", 9)];
    broker.publisher().await.unwrap().publish_all(&batch).await.unwrap();
    let (all, _) = fetch(&mut *consumer, 2).await;
    assert_eq!(names(&all), ["a", "b"]);
    assert_eq!(all[0].rank, all[1].rank);
}
