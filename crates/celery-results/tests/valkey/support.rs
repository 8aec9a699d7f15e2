//! What the tests have in common.

use std::time::{Duration, Instant};

use bytes::Bytes;
use celery_results::{ConnectOptions, ResultReader, StoreResult, valkey::Valkey};
use celery_valkey::test_server::Server;
use serde_json::Map;

/// The driver without options.
pub(crate) async fn connect(server: &Server) -> Valkey {
    Valkey::connect(&server.url(), &ConnectOptions::new(Map::new(), "celery@test")).await.unwrap()
}

/// What is stored for one task.
pub(crate) async fn get(reader: &Valkey, id: &str) -> Option<Bytes> {
    reader.get(&[id]).await.unwrap().pop().unwrap()
}

/// A meta as Celery 5.7.0 writes it.
pub(crate) fn meta(status: &str, result: &str) -> Bytes {
    format!(
        "{{\"status\": \"{status}\", \"result\": {result}, \"traceback\": null, \"children\": [], \
         \"date_done\": \"2026-11-23T01:18:29.143177+00:00\", \"task_id\": \"6893c3a4-fdda-4af9-bc7f-ae803cb10145\"}}"
    )
    .into()
}

/// A result that is kept for a day.
pub(crate) fn day(id: &str, meta: Bytes) -> StoreResult {
    StoreResult::new(id, meta, Some(Duration::from_secs(86400)))
}

/// Waits for a condition.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < end, "{what} did not come true");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
