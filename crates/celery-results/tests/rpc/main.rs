//! Results by messages, through a real RabbitMQ.

#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use celery_oxide_tests::rabbitmq::RabbitMq;
use celery_protocol::{ResultMeta, State};
use celery_results::{
    ConnectOptions, ReplyAddress, ResultReader, ResultStore, StoreResult, connect_backend, connect_through,
    rpc::Rpc,
};
use celery_transport::Transport;

const SOON: Duration = Duration::from_secs(60);

fn broker(node: &RabbitMq, name: &str) -> Arc<dyn Transport> {
    let options = celery_transport::ConnectOptions::new(serde_json::Map::new(), name);
    Arc::from(celery_transport::connect(&node.url(), &options).unwrap())
}

fn result(id: &str, state: State, value: &str, queue: Option<&str>) -> StoreResult {
    let meta: Bytes = ResultMeta::new(id, state, value).encode().into();
    StoreResult::new(id, meta, None).answering(ReplyAddress::of(id, queue, None))
}

async fn next(watch: &mut celery_results::Watch) -> Bytes {
    tokio::time::timeout(SOON, watch.next()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn results_find_who_sent_the_task() {
    let mut node = RabbitMq::start().unwrap();
    let client = Rpc::listening(broker(&node, "client"), "inbox").await.unwrap();
    let options = ConnectOptions::default().with_persistent(true);
    let worker = connect_through("rpc://", &options, &broker(&node, "worker")).await.unwrap();
    assert!(worker.answers() && worker.as_uri() == "rpc://");

    // Among others for nobody, and for one who is gone.
    let mut watch = client.watch("5").await.unwrap();
    let batch: Vec<_> = (0..1000)
        .map(|number| {
            let queue = match number % 5 {
                0 => Some("inbox"),
                1 => Some("gone"),
                2 => Some(""),
                _ => None,
            };
            result(&number.to_string(), State::Success, &number.to_string(), queue)
        })
        .collect();
    worker.store(&batch).await.unwrap();
    assert_eq!(next(&mut watch).await, batch[5].meta);
    let mut last = client.watch("995").await.unwrap();
    assert_eq!(next(&mut last).await, batch[995].meta);
    assert_eq!(client.get(&["10", "1"]).await.unwrap(), [Some(batch[10].meta.clone()), None]);

    // The connections are lost, and then the broker: what comes meanwhile is there afterwards.
    let mut watch = client.watch("cut").await.unwrap();
    node.close_connections().unwrap();
    let started = [result("cut", State::Started, "1", Some("inbox"))];
    store_until_it_is(&*worker, &started).await;
    assert_eq!(next(&mut watch).await, started[0].meta);
    node.kill().unwrap();
    assert!(worker.store(&started).await.unwrap_err().is_transient());
    node.start_again().unwrap();
    let done = [result("cut", State::Success, "2", Some("inbox"))];
    store_until_it_is(&*worker, &done).await;
    assert_eq!(next(&mut watch).await, done[0].meta);

    // A client that ends takes its queue with it.
    assert!(node.messages().unwrap().contains_key("inbox"));
    drop(client);
    let end = std::time::Instant::now() + SOON;
    while node.messages().unwrap().contains_key("inbox") {
        assert!(std::time::Instant::now() < end, "the queue is still there");
    }
}

/// As the worker does it.
async fn store_until_it_is(store: &dyn ResultStore, batch: &[StoreResult]) {
    let end = std::time::Instant::now() + SOON;
    while let Err(error) = store.store(batch).await {
        assert!(error.is_transient() && std::time::Instant::now() < end, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn nobody_else_can_read_them() {
    let options = ConnectOptions::default();
    let error = connect_backend("rpc://", &options).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("whoever sent the task"), "{error}");
    let nowhere = celery_transport::ConnectOptions::default();
    let nowhere = Arc::from(celery_transport::connect("amqp://127.0.0.1:1", &nowhere).unwrap());
    let worker = connect_through("rpc://", &options, &nowhere).await.unwrap();
    assert!(worker.watch("t").await.is_err());
    assert_eq!(worker.get(&["t"]).await.unwrap(), [None]);
    let error = worker.set_chord_size("g", 2, None).await.unwrap_err();
    assert!(error.to_string().contains("chords"), "{error}");
    // Whom nobody waits for nobody is asked for.
    worker.store(&[result("t", State::Success, "1", None)]).await.unwrap();
}
