//! What the tests have in common.

use std::time::Duration;

use bytes::Bytes;

use crate::{ResultBackend, StoreResult, Watch};

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A meta as Celery 5.7.0 writes it.
pub(super) fn meta(status: &str, result: &str) -> Bytes {
    format!(
        "{{\"status\": \"{status}\", \"result\": {result}, \"traceback\": null, \"children\": [], \
         \"date_done\": \"2026-11-23T01:18:29.143177+00:00\", \"task_id\": \"6893c3a4-fdda-4af9-bc7f-ae803cb10145\"}}"
    )
    .into()
}

/// A result that is kept for a day.
pub(super) fn day(id: &str, meta: Bytes) -> StoreResult {
    StoreResult::new(id, meta, Some(Duration::from_secs(86400)))
}

/// What is stored for one task.
pub(super) async fn get(backend: &dyn ResultBackend, id: &str) -> Option<Bytes> {
    backend.get(&[id]).await.unwrap().pop().unwrap()
}

/// A result in time, or the test fails.
pub(super) async fn next(watch: &mut Watch) -> Bytes {
    tokio::time::timeout(PATIENCE, watch.next()).await.unwrap().unwrap()
}

/// Whether nothing comes: what a watcher would be told first of the results of `other` was told.
pub(super) async fn is_silent(backend: &dyn ResultBackend, watch: &mut Watch, other: &str) -> bool {
    let mut later = backend.watch(other).await.unwrap();
    backend.store(&[day(other, meta("SUCCESS", "0"))]).await.unwrap();
    next(&mut later).await;
    tokio::select! { biased; _ = watch.next() => false, () = std::future::ready(()) => true }
}
