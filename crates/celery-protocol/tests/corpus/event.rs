//! Events, alone and in batches.

use celery_protocol::{
    Value,
    event::{Event, decode_all, encode_batch},
};

use crate::{
    envelope::{self, utf8},
    line::Line,
};

pub(crate) fn check(line: &Line) {
    let Some(json) = json(line) else {
        return;
    };
    let event = Event::decode(json.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!((event.kind.name(), &*event.hostname), (&*line.case, "w1@host"), "{line}");
    same(line, &event.encode(), &json);
}

pub(crate) fn check_batch(line: &Line) {
    let Some(json) = json(line) else {
        return;
    };
    let events = decode_all(json.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(events.len(), 3, "{line}");
    same(line, &encode_batch(&events), &json);
}

/// The body as JSON text, in which events are read.
fn json(line: &Line) -> Option<String> {
    Some(envelope::check(line).body?.to_json().unwrap())
}

/// YAML sorts the keys; in the others they are where Celery puts them.
pub(crate) fn same(line: &Line, ours: &[u8], theirs: &str) {
    let yaml = line.serializer() == celery_protocol::serializer::Serializer::Yaml;
    if yaml {
        let sorted = |text: &str| crate::same::sorted(&Value::from_json(text).unwrap());
        assert_eq!(sorted(utf8(ours)), sorted(theirs), "{line}");
    } else {
        assert_eq!(utf8(ours), theirs, "{line}");
    }
}
