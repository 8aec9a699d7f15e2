//! Watches: what is stored before, during and after.

use super::support::{day, is_silent, meta, next};
use crate::ResultBackend;

/// Two watchers of a task, one of whom came late. The same bytes once more are no news.
pub async fn what_was_stored_before_comes_first_and_then_what_is_stored(backend: &dyn ResultBackend) {
    backend.store(&[day("a", meta("STARTED", "1"))]).await.unwrap();
    let mut watch = backend.watch("a").await.unwrap();
    assert_eq!(next(&mut watch).await, meta("STARTED", "1"));
    for result in ["2", "3"] {
        backend.store(&[day("a", meta("RETRY", result))]).await.unwrap();
        assert_eq!(next(&mut watch).await, meta("RETRY", result));
    }
    backend.store(&[day("a", meta("RETRY", "3"))]).await.unwrap();
    assert!(is_silent(backend, &mut watch, "other").await);
    let mut second = backend.watch("a").await.unwrap();
    assert_eq!(next(&mut second).await, meta("RETRY", "3"));
    backend.store(&[day("a", meta("SUCCESS", "4"))]).await.unwrap();
    assert_eq!(next(&mut watch).await, meta("SUCCESS", "4"));
    assert_eq!(next(&mut second).await, meta("SUCCESS", "4"));
    // A watch that ends leaves the others, and one that begins after the last of them tells again.
    drop(watch);
    drop(second);
    let mut third = backend.watch("a").await.unwrap();
    assert_eq!(next(&mut third).await, meta("SUCCESS", "4"));
}

/// Metas in between may be left out, the last never is.
pub async fn who_is_slow_gets_the_newest(backend: &dyn ResultBackend) {
    let mut slow = backend.watch("slow").await.unwrap();
    let mut quick = backend.watch("quick").await.unwrap();
    let mut batch: Vec<_> = (0..5000).map(|number| day("slow", meta("RETRY", &number.to_string()))).collect();
    batch.push(day("slow", meta("SUCCESS", "\"last\"")));
    batch.push(day("quick", meta("SUCCESS", "1")));
    backend.store(&batch).await.unwrap();
    assert_eq!(next(&mut quick).await, meta("SUCCESS", "1"));
    let mut newest = next(&mut slow).await;
    while newest != meta("SUCCESS", "\"last\"") {
        newest = next(&mut slow).await;
    }
}

/// Who begins to watch then is told of what is stored next.
pub async fn a_forgotten_result_is_not_told_again(backend: &dyn ResultBackend) {
    let mut first = backend.watch("a").await.unwrap();
    backend.store(&[day("a", meta("SUCCESS", "1"))]).await.unwrap();
    next(&mut first).await;
    backend.forget(&["a"]).await.unwrap();
    let mut second = backend.watch("a").await.unwrap();
    assert!(is_silent(backend, &mut second, "other").await);
    backend.store(&[day("a", meta("FAILURE", "2"))]).await.unwrap();
    assert_eq!(next(&mut second).await, meta("FAILURE", "2"));
    assert_eq!(next(&mut first).await, meta("FAILURE", "2"));
}
