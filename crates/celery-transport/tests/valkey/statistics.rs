//! What a consumer counts.

use std::time::Duration;

use celery_transport::Settlement;
use celery_valkey::test_server::Server;
use serde_json::json;

use crate::support::{acks, consume, push};

#[tokio::test]
async fn round_trips_and_messages_are_counted() {
    let server = Server::start().await;
    let client = server.client().await;
    push(&client, "celery", &["a", "b", "c"]).await;
    let (mut consumer, acknowledger) = consume(&server, &["celery"], json!({"lease_timeout": 30})).await;
    let deliveries = consumer.fetch(9).await.unwrap();
    assert!(consumer.fetch(9).await.unwrap().is_empty());
    acknowledger.settle(&acks(&deliveries[..1])).await.unwrap();
    acknowledger.settle(&[Settlement::Restore(deliveries[1].tag.clone())]).await.unwrap();
    let statistics = acknowledger.statistics();
    assert_eq!((statistics.fetches, statistics.fetched), (2, 3));
    assert_eq!((statistics.settlements, statistics.settled), (4, 2));
    assert_eq!((statistics.held, statistics.parked, statistics.reconnects), (1, 0, 0));
    assert_eq!(statistics.lease_timeout, Some(Duration::from_secs(30)));
}
