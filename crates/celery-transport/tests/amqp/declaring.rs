//! What is declared, and what a refusal says.

use std::time::Duration;

use celery_transport::{ConnectOptions, Publication, Transport, amqp::Amqp};
use uuid::Uuid;

use crate::support::{acks, broker, fetch, names, node, publication, publish, queue};

#[tokio::test(flavor = "multi_thread")]
async fn queues_and_exchanges_are_those_of_stock_celery() {
    let node = node().await;
    let broker = broker(&node.url());
    let plain = queue();
    let ordered = queue().with_max_priority(10);
    let quorum = queue().of_queue_type("quorum");
    let topic = queue().bound_to(format!("media-{}", Uuid::new_v4()), "topic", "video.#");
    let queues = [plain.clone(), ordered.clone(), quorum.clone(), topic.clone()];
    broker.publisher().await.unwrap().declare(&queues).await.unwrap();
    let listed = node.control(&["list_queues", "name", "durable", "auto_delete", "arguments"]).unwrap();
    let line = |listed: &str, name: &str| {
        let line = listed.lines().find(|line| line.split('\t').next() == Some(name));
        line.unwrap().split('\t').skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line(&listed, &plain.name), "true false []");
    assert_eq!(line(&listed, &ordered.name), r#"true false [{"x-max-priority",10}]"#);
    assert_eq!(line(&listed, &quorum.name), r#"true false [{"x-queue-type","quorum"}]"#);
    let listed = node.control(&["list_exchanges", "name", "type", "durable", "auto_delete"]).unwrap();
    assert_eq!(line(&listed, &plain.exchange), "direct true false");
    assert_eq!(line(&listed, &topic.exchange), "topic true false");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_declaration_is_refused_with_advice() {
    let node = node().await;
    let broker = broker(&node.url());
    let queue = queue();
    broker.publisher().await.unwrap().declare(std::slice::from_ref(&queue)).await.unwrap();
    let error = broker.consume(&[queue.with_max_priority(9)]).await.err().unwrap();
    assert!(!error.is_transient(), "{error}");
    let text = error.to_string();
    assert!(text.contains("x-max-priority") && text.contains("task_queue_max_priority"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn quorum_queues_are_consumed_from() {
    let node = node().await;
    let broker = broker(&node.url());
    let queue = queue().of_queue_type("quorum");
    let (mut consumer, acknowledger) = broker.consume(std::slice::from_ref(&queue)).await.unwrap();
    publish(&broker, &queue, &["a", "b", "c"]).await;
    let (all, _) = fetch(&mut *consumer, 3).await;
    assert_eq!(names(&all), ["a", "b", "c"]);
    acknowledger.settle(&acks(&all)).await.unwrap();
    assert_eq!(acknowledger.close().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_is_not_there_is_refused_and_nothing_else_is_lost() {
    let node = node().await;
    let broker = broker(&node.url());
    let queue = queue();
    let (mut consumer, _acknowledger) = broker.consume(std::slice::from_ref(&queue)).await.unwrap();
    let good = crate::support::publication(&queue, "a", 0);
    let mut bad = good.clone();
    bad.exchange = format!("nowhere-{}", Uuid::new_v4());
    let answers = broker.publisher().await.unwrap().publish(&[good.clone(), bad, good]).await;
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    let error = answers[1].clone().unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("nowhere-"), "{error}");
    fetch(&mut *consumer, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_come_in_is_told() {
    let node = node().await;
    let url = node.url();
    for (wrong, word) in [
        (url.replace("guest:guest@", "guest:wrong@"), "ACCESS_REFUSED"),
        (format!("{}nowhere", url.trim_end_matches('/').to_owned() + "/"), "nowhere"),
    ] {
        let error = broker(&wrong).consume(&[queue()]).await.err().unwrap();
        assert!(!error.is_transient() && error.to_string().contains(word), "{error}");
        assert!(!error.to_string().contains("wrong"), "{error}");
    }
    let error = broker("amqp://127.0.0.1:1//").consume(&[queue()]).await.err().unwrap();
    assert!(error.is_transient(), "{error}");
    // Another one that stands in for it.
    let several = broker(&format!("amqp://127.0.0.1:1//;{url}"));
    several.consume(&[queue()]).await.unwrap();
}

/// As after a restart under the same name, while the broker does not know that the old connection is dead.
#[tokio::test(flavor = "multi_thread")]
async fn two_of_a_name_both_hear_commands() {
    let node = node().await;
    let options = ConnectOptions::new(serde_json::Map::new(), "namesake@test");
    let [first, second] = [(), ()].map(|()| Amqp::new(&node.url(), &options).unwrap());
    let mut subscriptions = Vec::new();
    for broker in [&first, &second] {
        subscriptions.push(broker.subscribe("namesakes.pidbox", &[]).await.unwrap());
    }
    let command =
        Publication::new("namesakes.pidbox", "", publication(&queue(), "ping", 0).message).of_type("fanout");
    first.publisher().await.unwrap().publish_all(&[command]).await.unwrap();
    for subscription in &mut subscriptions {
        tokio::time::timeout(Duration::from_secs(30), subscription.next()).await.unwrap().unwrap();
    }
}
