//! JSON values that take much memory for their length, in each place where a decoder keeps a value.

use std::time::SystemTime;

use celery_protocol::{
    Body, ExceptionInfo, MAX_DEPTH, Message, StoredMeta, TaskHeaders, V1Task, Value,
    canvas::Signature,
    control::{Command, ControlReply, ControlRequest},
    event::{Event, decode_all},
    mark_redelivered,
    message::{Death, dead_letter, deliveries, mark_deliveries},
};

use crate::{COUNT, Case, alone, check};

/// What [`Value`]s take for each byte of their text.
const VALUES: usize = 64;

/// What is cut into the texts of its parts.
const TEXTS: usize = 48;

/// What is not known of an envelope is kept as values of `serde_json`.
const UNKNOWN: usize = 144;

/// Values by what they are made of.
fn values() -> Vec<(&'static str, String)> {
    let list = |element: &str| format!("[{}]", vec![element; COUNT].join(","));
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let keys = (0..COUNT).map(|number| format!("\"{number:x}\":0")).collect::<Vec<_>>().join(",");
    vec![
        ("zeros", list("0")),
        ("NaNs", list("NaN")),
        ("empty lists", list("[]")),
        ("lists of one", list("[0]")),
        ("empty strings", list("\"\"")),
        ("objects of one", list(r#"{"":0}"#)),
        ("typed values", list(r#"{"__type__":"bytes","__value__":""}"#)),
        ("long lines of lists", format!("[{}]", vec![nested(MAX_DEPTH - 8); 64].join(","))),
        ("short lines of lists", format!("[{}]", vec![nested(16); COUNT / 16].join(","))),
        ("many keys", format!("{{{keys}}}")),
        ("one key", format!("{{{}}}", vec!["\"\":0"; COUNT].join(","))),
        ("escapes", format!("\"{}\"", "\\n\\u0041".repeat(COUNT))),
        ("lone surrogates", format!("\"{}\"", "\\ud800".repeat(COUNT))),
        ("digits", "9".repeat(COUNT)),
    ]
}

/// Every value in the place of `$` in a text.
fn cases<'a>(decoder: &'a str, places: &[&str]) -> Vec<Case<'a>> {
    let mut cases = Vec::new();
    for (input, value) in values() {
        for place in places {
            cases.push(Case { decoder, input, bytes: place.replace('$', &value).into_bytes() });
        }
    }
    cases
}

/// As [`cases`], the entries of an object beside those that the decoder knows too.
fn fields<'a>(decoder: &'a str, places: &[&str]) -> Vec<Case<'a>> {
    let one_field: Vec<String> = places.iter().map(|place| place.replace('%', r#""x":$"#)).collect();
    let mut cases = cases(decoder, &one_field.iter().map(String::as_str).collect::<Vec<_>>());
    for (input, value) in values() {
        if let Some(entries) = value.strip_prefix('{').and_then(|value| value.strip_suffix('}')) {
            for place in places.iter().filter(|place| place.contains('%')) {
                cases.push(Case { decoder, input, bytes: place.replace('%', entries).into_bytes() });
            }
        }
    }
    cases
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn values_of_python() {
    let _alone = alone();
    check(cases("Value", &["$"]), VALUES, 0, |bytes| Value::from_json(text(bytes)));
}

#[test]
fn envelopes() {
    let _alone = alone();
    let places = [
        r#"{"headers":{%},"properties":{}}"#,
        r#"{"properties":{%}}"#,
        r#"{"properties":{"delivery_info":{%}}}"#,
        r#"{"properties":{},%}"#,
        r#"{"properties":{},"body":$}"#,
        r#"{"properties":{"body_encoding":"base64"},"body":$}"#,
    ];
    check(fields("Message", &places), UNKNOWN, 0, Message::from_envelope);
    check(fields("mark_redelivered", &places), TEXTS, 0, mark_redelivered);
    check(fields("mark_deliveries", &places), TEXTS, 0, |bytes| mark_deliveries(bytes, 3));
    check(fields("deliveries", &places), TEXTS, 0, deliveries);
    let death = Death { reason: "r", queue: "q", deliveries: 3, time: SystemTime::UNIX_EPOCH };
    let places = [
        r#"{"headers":{%},"properties":{}}"#,
        r#"{"headers":{"x-death":$}}"#,
        r#"{"headers":{"x-death":[$]}}"#,
        r#"{"headers":{"x-death":[{%}]}}"#,
    ];
    check(fields("dead_letter", &places), TEXTS, 0, |bytes| dead_letter(bytes, &death));
}

#[test]
fn tasks() {
    let _alone = alone();
    let places = [
        r#"{"task":"t","id":"i",%}"#,
        r#"{"task":"t","id":"i","stamps":{%}}"#,
        r#"{"task":"t","id":"i","stamped_headers":$}"#,
    ];
    check(fields("TaskHeaders", &places), TEXTS, 0, |bytes| TaskHeaders::decode(text(bytes)).map(drop));
    check(
        fields("Body", &["[[$],{},{}]", "[[],{%},{}]", r#"[[],{},{"chain":$}]"#, "[[],{},{%}]"]),
        TEXTS,
        0,
        |bytes| Body::split(text(bytes)).map(drop),
    );
    let places = [r#"{"task":"t","id":"i",%}"#, r#"{"task":"t","id":"i","args":[$]}"#];
    check(fields("V1Task", &places), TEXTS, 0, |bytes| V1Task::convert("{}", text(bytes)).map(drop));
}

#[test]
fn results() {
    let _alone = alone();
    let places = [
        r#"{"status":"s","task_id":"i","result":$}"#,
        r#"{"status":"s","task_id":"i","traceback":$}"#,
        r#"{"status":"s","task_id":"i","children":$}"#,
        r#"{"status":"s","task_id":"i","name":"n","stamped_headers":$}"#,
        r#"{"status":"s","task_id":"i","name":"n","stamped_headers":["x"],%}"#,
    ];
    check(fields("StoredMeta", &places), TEXTS, 0, |bytes| StoredMeta::decode(bytes).map(drop));
    let places = [r#"{"exc_type":"E","exc_message":$}"#, r#"{"exc_type":$}"#, r#"{"exc_type":"E",%}"#];
    check(fields("ExceptionInfo", &places), TEXTS, 0, |bytes| ExceptionInfo::decode(text(bytes)).map(drop));
}

#[test]
fn signatures() {
    let _alone = alone();
    let places = [
        r#"{"task":"t",%}"#,
        r#"{"task":"t","args":[$]}"#,
        r#"{"task":"t","kwargs":{%}}"#,
        r#"{"task":"t","options":{%}}"#,
    ];
    check(fields("Signature", &places), VALUES, 0, |bytes| Signature::from_json(text(bytes)).map(drop));
}

#[test]
fn events() {
    let _alone = alone();
    let places = [
        r#"{"type":"t","hostname":"h","timestamp":1,%}"#,
        r#"{"type":"task-failed","uuid":"i","hostname":"h","timestamp":1,"traceback":$}"#,
    ];
    check(fields("Event", &places), TEXTS, 0, |bytes| Event::decode(bytes).map(drop));
    check(
        cases("decode_all", &["$", r#"[{"type":"t","hostname":"h","timestamp":1,"x":$}]"#]),
        TEXTS,
        0,
        |bytes| decode_all(bytes).map(drop),
    );
}

#[test]
fn control() {
    let _alone = alone();
    let places =
        [r#"{"method":"m","arguments":{%}}"#, r#"{"method":"m","destination":$}"#, r#"{"method":"m",%}"#];
    check(fields("ControlRequest", &places), TEXTS, 0, |bytes| ControlRequest::decode_body(bytes).map(drop));
    let commands = [
        ("revoke", r#"{"task_id":$}"#),
        ("revoke_by_stamped_headers", r#"{"headers":$}"#),
        ("election", r#"{"id":"i","topic":"t","action":$}"#),
        ("hello", r#"{"from_node":"n","revoked":$}"#),
        ("query_task", r#"{"ids":$}"#),
        ("custom", "{%}"),
    ];
    for (name, place) in commands {
        // Stamps may be numbers, of two bytes with their comma.
        let limit = if name == "revoke_by_stamped_headers" { VALUES } else { TEXTS };
        check(fields(name, &[place]), limit, 0, |bytes| Command::decode(name, text(bytes)).map(drop));
    }
    check(fields("ControlReply", &[r#"{"w":$}"#, "{%}"]), TEXTS, 0, |bytes| {
        ControlReply::decode_body(bytes).map(drop)
    });
}
