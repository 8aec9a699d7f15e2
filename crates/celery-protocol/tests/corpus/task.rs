//! Task messages of both protocols.

use celery_protocol::{Body, Error, TaskHeaders, V1Task, Value, mark_redelivered, serializer::Serializer};

use crate::{
    envelope::{self, utf8},
    line::Line,
    same::sorted,
};

/// Protocol 2.
pub(crate) fn check(line: &Line) {
    let checked = envelope::check(line);
    check_headers(line, checked.message.headers.get());
    if let Some(body) = checked.body {
        check_body(line, &body);
    }
}

fn check_headers(line: &Line, text: &str) -> TaskHeaders {
    let headers = TaskHeaders::decode(text).unwrap_or_else(|error| panic!("{line}: {error}"));
    if line.stable {
        // What only is to be shown has U+FFFD for lone surrogates.
        let text = text.replace("\\udcff", "\\ufffd\\ufffd\\ufffd");
        assert_eq!(utf8(&headers.encode()), text, "{line}");
    }
    headers
}

/// The three parts of a body, whatever serialiser it came in.
fn check_body(line: &Line, body: &Value) {
    let json = body.to_json().unwrap();
    let parts = Body::split(&json).unwrap_or_else(|error| panic!("{line}: {error}"));
    let mut written = Vec::new();
    parts.write(&mut written);
    if line.serializer() == Serializer::Json {
        assert_eq!(utf8(&written), json, "{line}");
    }
    // JSON has string keys only: see `result.rs`.
    if !(line.serializer() == Serializer::Yaml && line.case == "typed") {
        let written = Value::from_json(utf8(&written)).unwrap();
        assert_eq!(format!("{:?}", sorted(&written)), format!("{:?}", sorted(body)), "{line}");
    }
    let follows = ["links", "chain", "chord"].iter().any(|case| line.case.starts_with(case))
        && line.case != "chord_body";
    assert_eq!(!parts.embed.is_empty(), follows, "{line}");
}

/// Protocol 1: no header names the task.
pub(crate) fn check_v1(line: &Line) {
    let checked = envelope::check(line);
    let headers = checked.message.headers.get();
    assert!(matches!(TaskHeaders::decode(headers), Err(Error::MissingField { field: "task", .. })), "{line}");
    let Some(body) = checked.body else {
        return;
    };
    let task = convert(line, headers, &body);
    assert_eq!((&*task.headers.task, task.utc), ("corpus.echo", true), "{line}");
    if line.case == "options" {
        assert_eq!(task.headers.id, "id-v1", "{line}");
        assert_eq!((task.headers.timelimit.hard, task.headers.timelimit.soft), (Some(5.0), None), "{line}");
        assert!(task.headers.expires.is_some(), "{line}");
        assert!(Body::split(&task.body).unwrap().embed.callbacks.unwrap().contains("corpus.step"), "{line}");
        assert_eq!(task.headers.rest[0].0, "own", "{line}");
    }
}

/// Headers of protocol 2, a body of protocol 1. Headers go first.
pub(crate) fn check_hybrid(line: &Line) {
    let checked = envelope::check(line);
    let headers = checked.message.headers.get();
    assert_eq!(TaskHeaders::decode(headers).unwrap().retries, 3, "{line}");
    if let Some(body) = checked.body {
        let task = convert(line, headers, &body);
        assert_eq!((&*task.headers.id, task.headers.retries), ("id-hybrid", 3), "{line}");
        assert!(Body::split(&task.body).unwrap().embed.is_empty(), "{line}");
    }
}

fn convert(line: &Line, headers: &str, body: &Value) -> V1Task {
    let json = body.to_json().unwrap();
    assert!(V1Task::is_v1_body(&json), "{line}");
    let task = V1Task::convert(headers, &json).unwrap_or_else(|error| panic!("{line}: {error}"));
    let args = Value::from_json(Body::split(&task.body).unwrap().args).unwrap();
    assert_eq!(body.get("args"), Some(&args), "{line}");
    task
}

/// A message that came back to its queue.
pub(crate) fn check_restored(line: &Line) {
    let checked = envelope::check(line);
    assert!(check_headers(line, checked.message.headers.get()).redelivered, "{line}");
    assert_eq!(checked.message.properties.delivery_info.redelivered, Some(true), "{line}");
    assert_eq!(mark_redelivered(&line.payload).unwrap(), line.payload, "{line}");
    if let Some(body) = checked.body {
        check_body(line, &body);
    }
}
