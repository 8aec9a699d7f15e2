//! Connections that are lost, and a broker that goes away.

use std::time::Duration;

use celery_transport::{Publication, Settlement, Transport};

use crate::support::{acks, broker, fetch, names, node_alone, publication, publish, queue};

#[tokio::test(flavor = "multi_thread")]
async fn closed_connections_are_told_once_and_made_again() {
    let node = node_alone().await;
    let broker = broker(&node.url());
    let queue = queue();
    let (mut consumer, acknowledger) = broker.consume(std::slice::from_ref(&queue)).await.unwrap();
    let publisher = broker.publisher().await.unwrap();
    let mut events = broker.subscribe("celeryev", &["#"]).await.unwrap();
    publish(&broker, &queue, &["a", "b"]).await;
    let (before, _) = fetch(&mut *consumer, 2).await;
    acknowledger.settle(&acks(&before[..1])).await.unwrap();

    node.close_connections().unwrap();
    tokio::time::timeout(Duration::from_secs(10), consumer.ready()).await.unwrap().unwrap();
    let (again, losses) = fetch(&mut *consumer, 1).await;
    assert_eq!((names(&again), losses), (vec!["b".to_owned()], 1));
    let redelivered = again[0].message.as_ref().unwrap().properties.delivery_info.redelivered;
    assert_eq!(redelivered, Some(true));
    // What is said of the lost connection is nothing to this one.
    let stale = [Settlement::Ack(before[1].tag.clone()), Settlement::Reject(before[0].tag.clone())];
    acknowledger.settle(&stale).await.unwrap();
    assert_eq!(acknowledger.statistics().held, 1);
    assert_eq!(acknowledger.statistics().reconnects, 1);
    acknowledger.settle(&acks(&again)).await.unwrap();

    // The others find their way back as well.
    publisher.publish_all(&[publication(&queue, "c", 0)]).await.unwrap();
    assert_eq!(names(&fetch(&mut *consumer, 1).await.0), ["c"]);
    let error = events.next().await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let event = Publication::new("celeryev", "worker.online", publication(&queue, "e", 0).message);
    let heard = tokio::time::timeout(Duration::from_secs(20), events.next());
    let publishing = async {
        // Until it listens again.
        loop {
            let _ = publisher.publish(std::slice::from_ref(&event.clone().of_type("fanout"))).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        heard = heard => assert_eq!(heard.unwrap().unwrap().routing_key, "worker.online"),
        () = publishing => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_keeps_what_it_confirmed() {
    let mut node = node_alone().await;
    let broker = broker(&node.url());
    // Not a quorum queue: RabbitMQ 3.10 forgets one that was declared just before it is killed, and then answers
    // INTERNAL_ERROR to whoever consumes from it.
    {
        let queue = queue();
        let (mut consumer, acknowledger) = broker.consume(std::slice::from_ref(&queue)).await.unwrap();
        publish(&broker, &queue, &["a", "b", "c"]).await;
        let (held, _) = fetch(&mut *consumer, 1).await;
        node.kill().unwrap();
        let error = loop {
            if let Err(error) = consumer.fetch(9).await {
                break error;
            }
            tokio::time::timeout(Duration::from_secs(10), consumer.ready()).await.unwrap().unwrap();
        };
        assert!(error.is_transient(), "{error}");
        assert!(consumer.fetch(9).await.unwrap_err().is_transient(), "as long as it is away");
        let sent = broker.publisher().await.map(drop).unwrap_err();
        assert!(sent.is_transient(), "{sent}");
        node.start_again().unwrap();
        acknowledger.settle(&acks(&held)).await.unwrap();
        let (mut all, _) = fetch(&mut *consumer, 3).await;
        all.sort_by_key(|delivery| names(std::slice::from_ref(delivery)));
        assert_eq!(names(&all), ["a", "b", "c"]);
        acknowledger.settle(&acks(&all)).await.unwrap();
        assert_eq!(acknowledger.close().await.unwrap(), 0);
    }
}
