//! Parts of chords: counted once, and one of many completes the chord.

use celery_protocol::result::ChordProgress;
use celery_results::{ChordPart, ChordStore, ConnectOptions, ResultReader, valkey::Valkey};
use celery_valkey::test_server::Server;
use serde_json::{Map, json};

use crate::support::connect;

fn part(index: i64, token: &str) -> ChordPart {
    let member = format!("[1, \"part-{index}\", \"SUCCESS\", {index}]");
    ChordPart::new("the-chord", format!("part-{index}"), member.into(), Some(index), token)
}

async fn count(store: &Valkey, part: ChordPart) -> ChordProgress {
    store.count_parts(&[part]).await.pop().unwrap().unwrap()
}

fn texts(members: &celery_results::ChordMembers) -> Vec<String> {
    members.members.iter().map(|member| String::from_utf8_lossy(member).into_owned()).collect()
}

#[tokio::test]
async fn the_last_part_has_the_claim_and_copies_count_once() {
    let server = Server::start().await;
    let store = connect(&server).await;
    store.set_chord_size("the-chord", 3, None).await.unwrap();
    let many: Vec<_> = store
        .count_parts(&[part(2, "a"), part(0, "b"), part(2, "c")])
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let counted = |ready| ChordProgress::Counted { ready, total: 3 };
    assert_eq!(many, [counted(1), counted(2), counted(2)]);
    let complete = ChordProgress::Complete { total: 3 };
    assert_eq!(count(&store, part(1, "last")).await, complete);
    // The reply was lost, and it is asked again; others come late.
    assert_eq!(count(&store, part(1, "last")).await, complete);
    assert_eq!(count(&store, part(0, "late")).await, ChordProgress::Claimed { total: 3 });

    let members = store.chord_members("the-chord").await.unwrap();
    assert_eq!(
        texts(&members),
        [
            "[1, \"part-0\", \"SUCCESS\", 0]",
            "[1, \"part-1\", \"SUCCESS\", 1]",
            "[1, \"part-2\", \"SUCCESS\", 2]"
        ]
    );
    assert!(members.saved.is_none());
    assert!(store.keep_claim("the-chord", "last", 60).await.unwrap());
    assert!(!store.keep_claim("the-chord", "late", 60).await.unwrap());
    assert!(!store.end_chord("the-chord", "late", 300).await.unwrap());
    assert!(store.end_chord("the-chord", "last", 300).await.unwrap());
    assert_eq!(count(&store, part(0, "later")).await, ChordProgress::Done);
    assert!(store.chord_members("the-chord").await.unwrap().members.is_empty());
}

#[tokio::test]
async fn a_claim_that_is_released_is_taken_by_the_next() {
    let server = Server::start().await;
    let store = connect(&server).await;
    store.set_chord_size("the-chord", 1, None).await.unwrap();
    let complete = ChordProgress::Complete { total: 1 };
    assert_eq!(count(&store, part(0, "first")).await, complete);
    store.release_claim("the-chord", "another").await.unwrap();
    assert_eq!(count(&store, part(0, "second")).await, ChordProgress::Claimed { total: 1 });
    store.release_claim("the-chord", "first").await.unwrap();
    assert_eq!(count(&store, part(0, "second")).await, complete);
}

#[tokio::test]
async fn a_chord_without_a_size_waits() {
    let server = Server::start().await;
    let store = connect(&server).await;
    assert_eq!(count(&store, part(0, "a")).await, ChordProgress::Unsized);
    store.set_chord_size("the-chord", 1, None).await.unwrap();
    assert_eq!(count(&store, part(0, "b")).await, ChordProgress::Complete { total: 1 });
}

#[tokio::test]
async fn members_may_come_as_they_end() {
    let server = Server::start().await;
    let options = json!({"result_chord_ordered": false, "global_keyprefix": "app"});
    let options: Map<_, _> = options.as_object().unwrap().clone();
    let store = Valkey::connect(&server.url(), &ConnectOptions::new(options, "celery@test")).await.unwrap();
    store.set_chord_size("the-chord", 2, None).await.unwrap();
    count(&store, part(1, "a")).await;
    assert_eq!(count(&store, part(0, "b")).await, ChordProgress::Complete { total: 2 });
    let members = store.chord_members("the-chord").await.unwrap();
    assert_eq!(texts(&members)[0], "[1, \"part-1\", \"SUCCESS\", 1]");
}

#[tokio::test]
async fn a_chord_may_grow() {
    let server = Server::start().await;
    let store = connect(&server).await;
    store.set_chord_size("the-chord", 1, None).await.unwrap();
    store.add_to_chord("the-chord").await.unwrap();
    assert_eq!(count(&store, part(0, "a")).await, ChordProgress::Counted { ready: 1, total: 2 });
    assert_eq!(count(&store, part(1, "b")).await, ChordProgress::Complete { total: 2 });
}

#[tokio::test]
async fn what_the_parts_of_a_broken_chord_left_stays() {
    let server = Server::start().await;
    let store = connect(&server).await;
    store.set_chord_size("the-chord", 1, None).await.unwrap();
    assert_eq!(count(&store, part(0, "a")).await, ChordProgress::Complete { total: 1 });
    store.break_chord("the-chord").await.unwrap();
    assert_eq!(count(&store, part(0, "late")).await, ChordProgress::Unsized);
    assert_eq!(texts(&store.chord_members("the-chord").await.unwrap()).len(), 1);
}
