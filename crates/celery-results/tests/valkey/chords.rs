//! Chords without an order.

use celery_protocol::result::ChordProgress;
use celery_results::{ChordPart, ChordStore, ConnectOptions, ResultReader, valkey::Valkey};
use celery_valkey::test_server::Server;
use serde_json::{Map, json};

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
