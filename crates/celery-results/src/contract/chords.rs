//! Parts of chords: counted once, and one of many completes the chord.

use celery_protocol::result::ChordProgress;

use crate::{ChordPart, ResultBackend};

fn part(index: i64, token: &str) -> ChordPart {
    ChordPart::new("the-chord", format!("part-{index}"), member(index).into(), Some(index), token)
}

fn member(index: i64) -> String {
    format!("[1, \"part-{index}\", \"SUCCESS\", {index}]")
}

async fn count(backend: &dyn ResultBackend, part: ChordPart) -> ChordProgress {
    backend.count_parts(&[part]).await.pop().unwrap().unwrap()
}

/// However often a part is counted, and whoever counts it.
pub async fn the_last_part_has_the_claim_and_copies_count_once(backend: &dyn ResultBackend) {
    backend.set_chord_size("the-chord", 3, None).await.unwrap();
    let many: Vec<_> = backend
        .count_parts(&[part(2, "a"), part(0, "b"), part(2, "c")])
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let counted = |ready| ChordProgress::Counted { ready, total: 3 };
    assert_eq!(many, [counted(1), counted(2), counted(2)]);
    let complete = ChordProgress::Complete { total: 3 };
    assert_eq!(count(backend, part(1, "last")).await, complete);
    // The reply was lost, and it is asked again; others come late.
    assert_eq!(count(backend, part(1, "last")).await, complete);
    assert_eq!(count(backend, part(0, "late")).await, ChordProgress::Claimed { total: 3 });

    let members = backend.chord_members("the-chord").await.unwrap();
    assert_eq!(members.members, [member(0), member(1), member(2)]);
    assert!(members.saved.is_none());
    assert!(backend.keep_claim("the-chord", "last", 60).await.unwrap());
    assert!(!backend.keep_claim("the-chord", "late", 60).await.unwrap());
    assert!(!backend.end_chord("the-chord", "late", 300).await.unwrap());
    assert!(backend.end_chord("the-chord", "last", 300).await.unwrap());
    assert_eq!(count(backend, part(0, "later")).await, ChordProgress::Done);
    assert!(backend.chord_members("the-chord").await.unwrap().members.is_empty());
    // The same chord once more, as of a task that is retried.
    backend.set_chord_size("the-chord", 2, None).await.unwrap();
    assert_eq!(count(backend, part(0, "again")).await, ChordProgress::Counted { ready: 1, total: 2 });
}

/// By whoever asks next, and by nobody before.
pub async fn a_claim_that_is_released_is_taken_by_the_next(backend: &dyn ResultBackend) {
    backend.set_chord_size("the-chord", 1, None).await.unwrap();
    let complete = ChordProgress::Complete { total: 1 };
    assert_eq!(count(backend, part(0, "first")).await, complete);
    backend.release_claim("the-chord", "another").await.unwrap();
    assert_eq!(count(backend, part(0, "second")).await, ChordProgress::Claimed { total: 1 });
    backend.release_claim("the-chord", "first").await.unwrap();
    assert_eq!(count(backend, part(0, "second")).await, complete);
}

/// Parts may end before the chord is known to be one.
pub async fn a_chord_without_a_size_waits(backend: &dyn ResultBackend) {
    assert_eq!(count(backend, part(0, "a")).await, ChordProgress::Unsized);
    assert!(!backend.keep_claim("the-chord", "a", 60).await.unwrap());
    backend.set_chord_size("the-chord", 1, None).await.unwrap();
    assert_eq!(count(backend, part(0, "b")).await, ChordProgress::Complete { total: 1 });
}

/// The body waits for what is added as well.
pub async fn a_chord_may_grow(backend: &dyn ResultBackend) {
    backend.set_chord_size("the-chord", 1, None).await.unwrap();
    backend.add_to_chord("the-chord").await.unwrap();
    assert_eq!(count(backend, part(0, "a")).await, ChordProgress::Counted { ready: 1, total: 2 });
    assert_eq!(count(backend, part(1, "b")).await, ChordProgress::Complete { total: 2 });
}

/// And it is not completed again.
pub async fn what_the_parts_of_a_broken_chord_left_stays(backend: &dyn ResultBackend) {
    backend.set_chord_size("the-chord", 1, None).await.unwrap();
    assert_eq!(count(backend, part(0, "a")).await, ChordProgress::Complete { total: 1 });
    backend.break_chord("the-chord").await.unwrap();
    assert_eq!(count(backend, part(0, "late")).await, ChordProgress::Unsized);
    assert_eq!(backend.chord_members("the-chord").await.unwrap().members.len(), 1);
}
