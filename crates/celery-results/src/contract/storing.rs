//! What is stored and what is kept.

use bytes::Bytes;

use super::support::{day, get, meta};
use crate::ResultBackend;

/// Whatever comes after a SUCCESS changes nothing, in one batch or in several.
pub async fn a_success_is_never_overwritten(backend: &dyn ResultBackend) {
    assert_eq!(get(backend, "a").await, None);
    for (status, kept) in
        [("STARTED", "STARTED"), ("RETRY", "RETRY"), ("SUCCESS", "SUCCESS"), ("FAILURE", "SUCCESS")]
    {
        backend.store(&[day("a", meta(status, "1"))]).await.unwrap();
        assert_eq!(get(backend, "a").await, Some(meta(kept, "1")));
    }
    // In one batch too, in its order.
    let batch =
        [day("b", meta("FAILURE", "1")), day("b", meta("SUCCESS", "2")), day("b", meta("REVOKED", "3"))];
    backend.store(&batch).await.unwrap();
    backend.store(&batch).await.unwrap();
    assert_eq!(get(backend, "b").await, Some(meta("SUCCESS", "2")));
    // What cannot be read is no SUCCESS, and bytes stay bytes.
    let odd = Bytes::from_static(b"\x80\x04\x95 pickle \xff\x00");
    backend.store(&[day("c", odd.clone())]).await.unwrap();
    assert_eq!(get(backend, "c").await, Some(odd));
    backend.store(&[day("c", meta("FAILURE", "1"))]).await.unwrap();
    assert_eq!(get(backend, "c").await, Some(meta("FAILURE", "1")));
}

/// What is `unless_begun` is stored where nothing is, or the state of a task that waits.
pub async fn what_is_only_for_tasks_that_have_not_begun_leaves_the_others(backend: &dyn ResultBackend) {
    let revoked = meta("REVOKED", "null");
    for (state, replaced) in [
        ("PENDING", true),
        ("RECEIVED", true),
        ("RETRY", true),
        ("REJECTED", true),
        ("STARTED", false),
        ("PROGRESS", false),
        ("half way", false),
        ("SUCCESS", false),
        ("FAILURE", false),
        ("REVOKED", false),
    ] {
        let before = meta(state, "1");
        backend.store(&[day(state, before.clone())]).await.unwrap();
        backend.store(&[day(state, revoked.clone()).unless_begun()]).await.unwrap();
        let now = if replaced { revoked.clone() } else { before };
        assert_eq!(get(backend, state).await, Some(now), "{state}");
    }
    backend.store(&[day("nothing", revoked.clone()).unless_begun()]).await.unwrap();
    assert_eq!(get(backend, "nothing").await, Some(revoked));
}

/// Answers come in the order of the questions.
pub async fn many_are_read_and_forgotten_at_once(backend: &dyn ResultBackend) {
    assert_eq!(backend.get(&[]).await.unwrap(), Vec::<Option<Bytes>>::new());
    backend.forget(&[]).await.unwrap();
    backend.store(&[day("a", meta("SUCCESS", "1")), day("b", meta("SUCCESS", "2"))]).await.unwrap();
    let found = backend.get(&["b", "nothing", "a"]).await.unwrap();
    assert_eq!(found, [Some(meta("SUCCESS", "2")), None, Some(meta("SUCCESS", "1"))]);
    backend.forget(&["a", "nothing"]).await.unwrap();
    assert_eq!((get(backend, "a").await, get(backend, "b").await.is_some()), (None, true));
}

/// A group is its own thing beside the results of its tasks.
pub async fn groups_are_kept_and_forgotten(backend: &dyn ResultBackend) {
    assert_eq!(backend.get_group("g").await.unwrap(), None);
    backend.save_group("g", Bytes::from_static(b"[1]"), None).await.unwrap();
    backend.save_group("g", Bytes::from_static(b"[2]"), None).await.unwrap();
    assert_eq!(backend.get_group("g").await.unwrap().as_deref(), Some(&b"[2]"[..]));
    assert_eq!(get(backend, "g").await, None);
    assert_eq!(backend.chord_members("g").await.unwrap().saved.as_deref(), Some(&b"[2]"[..]));
    backend.forget_group("g").await.unwrap();
    assert_eq!(backend.get_group("g").await.unwrap(), None);
}
