//! Captured bytes for the tests of this folder: the corpus of Celery 5.7.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

/// The lines of an object in JSON without compression whose case begins with `case`.
fn lines(object: &str, case: &str) -> Vec<Value> {
    include_str!("../../fixtures/corpus/5.7.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["object"] == object && line["case"].as_str().unwrap().starts_with(case))
        .filter(|line| ["json", "raw"].contains(&line["serializer"].as_str().unwrap()))
        .filter(|line| line["compression"] == "none")
        .collect()
}

fn bytes(line: &Value) -> Vec<u8> {
    STANDARD.decode(line["payload"].as_str().unwrap()).unwrap()
}

/// The bytes of one line.
pub(super) fn payload(object: &str, case: &str) -> Vec<u8> {
    let line = lines(object, case).into_iter().find(|line| line["case"] == case);
    bytes(&line.unwrap_or_else(|| panic!("no {object} {case}")))
}

/// One call of a script, and what it answered.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) keys: Vec<String>,
    pub(super) args: Vec<String>,
    pub(super) reply: Vec<Option<i64>>,
}

/// The calls of a script, in their order.
pub(super) fn calls(script: &str) -> Vec<Call> {
    let call = |line: &Value| {
        let (keys, args) = serde_json::from_slice(&bytes(line)).unwrap();
        Call { keys, args, reply: serde_json::from_value(line["reply"].clone()).unwrap() }
    };
    lines("chord_script", &format!("{script}.ordered.")).iter().map(call).collect()
}
