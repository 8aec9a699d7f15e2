//! The same object in another serialiser or compression, or of another version of Celery, is the same value.

use std::collections::HashMap;

use celery_protocol::{MAX_MESSAGE_SIZE, Message, Value, compression::decompress, result::decode_payload};

use crate::line::Line;

/// Cases whose values do not depend on the serialiser: not those of its own types, nor those with random ids.
fn is_same(line: &Line) -> bool {
    match &*line.object {
        "task" => ["args", "options", "stamps", "headers", "relatives", "eta_expires"].contains(&&*line.case),
        "task_restored" | "task_hybrid" => true,
        "result" | "group" | "chord_member" => line.case != "typed",
        _ => false,
    }
}

pub(crate) fn check(lines: &[Line]) {
    let mut first: HashMap<(&str, &str), (String, &Line)> = HashMap::new();
    let mut compared = 0;
    for line in lines.iter().filter(|line| is_same(line) && !line.is_opaque()) {
        let value = format!("{:?}", sorted(&value(line)));
        let (expected, origin) =
            first.entry((&line.object, &line.case)).or_insert_with(|| (value.clone(), line));
        assert_eq!(value, *expected, "{line} and {origin}");
        compared += 1;
    }
    assert!(compared >= 3 * first.len(), "{compared} lines of {} objects", first.len());
}

fn value(line: &Line) -> Value {
    if ["result", "group", "chord_member"].contains(&&*line.object) {
        return decode_payload(&line.payload, line.serializer()).unwrap();
    }
    let message = Message::from_envelope(&line.payload).unwrap();
    let body = match line.compression() {
        Some(method) => decompress(method, &message.body, MAX_MESSAGE_SIZE).unwrap(),
        None => message.body.to_vec(),
    };
    line.serializer().decode(&body).unwrap()
}

/// The value with its keys in alphabetical order, which YAML writes them in.
pub(crate) fn sorted(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.iter().map(sorted).collect()),
        Value::Map(entries) => {
            let mut entries: Vec<_> =
                entries.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by_key(|(key, _)| format!("{key:?}"));
            Value::Map(entries)
        }
        other => other.clone(),
    }
}
