//! Many objects of the smallest form that their decoder takes.

use celery_protocol::{
    canvas::Signature,
    control::reply::{Answer, QueriedTask, QueueInfo, ScheduledTask, Stats, TaskInfo, decode_names},
    event::decode_all,
    result::{ChordMember, ResultTree, SavedGroup},
    serializer::Serializer,
};

use crate::{COUNT, Case, alone, check};

/// What each byte read of a list of replies, or of a saved group, may take.
const LISTS: usize = 96;

/// Of signatures and trees.
const VALUES: usize = 64;

/// Of what is cut into the texts of its parts.
const TEXTS: usize = 48;

fn many(decoder: &'static str, place: &str, element: &str) -> Vec<Case<'static>> {
    let bytes = place.replace('$', &format!("[{}]", vec![element; COUNT].join(","))).into_bytes();
    vec![Case { decoder, input: "many small ones", bytes }]
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn signatures() {
    let _alone = alone();
    for kind in ["group", "chain"] {
        let place = format!(r#"{{"task":"t","subtask_type":"{kind}","kwargs":{{"tasks":$}}}}"#);
        check(many(kind, &place, r#"{"task":""}"#), VALUES, 0, |bytes| {
            Signature::from_json(text(bytes)).unwrap()
        });
    }
    let place = r#"{"task":"t","options":{"link":$}}"#;
    check(many("link", place, r#"{"task":""}"#), VALUES, 0, |bytes| {
        Signature::from_json(text(bytes)).unwrap()
    });
}

#[test]
fn trees() {
    let _alone = alone();
    let cases = || many("ResultTree", r#"["",$]"#, r#"["",null]"#);
    check(cases(), VALUES, 0, |bytes| ResultTree::decode(text(bytes)).unwrap());
    check(many("ResultTree", "$", r#"["",null]"#), VALUES, 0, |bytes| {
        ResultTree::decode_list(text(bytes)).unwrap()
    });
    let place = r#"{"result":["",$]}"#;
    check(many("SavedGroup", place, r#"["",[]]"#), LISTS, 0, |bytes| {
        SavedGroup::decode(bytes, Serializer::Json).unwrap()
    });
    check(many("ChordMember", r#"[1,"i","s",$]"#, "0"), TEXTS, 0, |bytes| {
        ChordMember::decode(bytes).map(ChordMember::into_owned).unwrap()
    });
}

#[test]
fn events() {
    let _alone = alone();
    let event = r#"{"type":"","hostname":"","timestamp":1}"#;
    check(many("decode_all", "$", event), TEXTS, 0, |bytes| decode_all(bytes).unwrap().len());
}

#[test]
fn replies() {
    let _alone = alone();
    check(many("TaskInfo", "$", r#"{"id":"","name":""}"#), LISTS, 0, |bytes| {
        TaskInfo::decode_list(text(bytes)).unwrap()
    });
    check(many("QueueInfo", "$", r#"{"name":""}"#), LISTS, 0, |bytes| {
        QueueInfo::decode_list(text(bytes)).unwrap()
    });
    let task = r#"{"request":{"id":"","name":""}}"#;
    check(many("ScheduledTask", "$", task), LISTS, 0, |bytes| {
        ScheduledTask::decode_list(text(bytes)).unwrap()
    });
    check(many("names", "$", r#""""#), LISTS, 0, |bytes| decode_names(text(bytes)).unwrap());
    check(many("Stats", r#"{"broker":$}"#, "0"), LISTS, 0, |bytes| Stats::decode(text(bytes)).unwrap());
    check(many("Answer", r#"{"ok":$}"#, "0"), LISTS, 0, |bytes| Answer::decode(text(bytes)));
    let tasks: Vec<String> = (0..COUNT).map(|id| format!(r#""{id:x}":["",{{"id":"","name":""}}]"#)).collect();
    let bytes = format!("{{{}}}", tasks.join(",")).into_bytes();
    let cases = vec![Case { decoder: "QueriedTask", input: "many small ones", bytes }];
    check(cases, LISTS, 0, |bytes| QueriedTask::decode_all(text(bytes)).map(drop));
}
