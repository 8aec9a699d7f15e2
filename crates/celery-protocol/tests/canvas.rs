//! Canvases built and planned here and by Celery: the same signatures, messages, chord sizes and results.
//!
//! `fixtures/capture_canvas.py` writes the cases. `CANVASES` names another file of them, for a longer run.

use std::collections::HashMap;

use celery_protocol::{
    Body, TaskHeaders, Value,
    canvas::{Encoding, Signature, Step, chain, chord, group},
};

const REPLY_TO: &str = "00000000-0000-4000-8000-ffffffffffff";

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn list(value: &Value) -> &[Value] {
    value.as_list().expect("a list")
}

fn build(spec: &Value) -> Signature {
    let spec = list(spec);
    let parts = |at: usize| list(&spec[at]).iter().map(build);
    match text(&spec[0]) {
        "task" => {
            let mut task = Signature::new(text(&spec[1])).args(&spec[2]).kwargs(&spec[3]);
            for (key, value) in spec[5].as_map().expect("options") {
                task = task.option(text(key), value.clone());
            }
            if spec[4] == Value::Bool(true) { task.immutable() } else { task }
        }
        "or" => parts(1).reduce(|left, right| left | right).expect("at least one"),
        "chain" => chain(parts(1)),
        "group" => group(parts(1)),
        "chord" => chord(parts(1), build(&spec[2])),
        "link" => build(&spec[1]).linked(build(&spec[2])),
        "link_error" => build(&spec[1]).on_error(build(&spec[2])),
        "stamp" => {
            let mut signature = build(&spec[1]);
            let stamps = spec[2].as_map().expect("stamps");
            signature.stamp(stamps.iter().map(|(name, value)| (text(name).to_owned(), value.clone())));
            signature
        }
        other => panic!("no such spec: {other}"),
    }
}

/// Ids by the order in which they appear, and names of stamps in order: Celery keeps those in a set.
#[derive(Default)]
struct Canonical(HashMap<String, usize>);

impl Canonical {
    fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::Str(text) if is_id(text) => {
                let next = self.0.len();
                Value::Str(format!("id-{}", self.0.entry(text.clone()).or_insert(next)))
            }
            Value::List(items) => Value::List(items.iter().map(|item| self.value(item)).collect()),
            Value::Map(entries) => {
                let mut entries: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| {
                        let mut value = self.value(value);
                        if let (Some("stamped_headers"), Value::List(names)) = (key.as_str(), &mut value) {
                            names.sort_by_key(|name| format!("{name:?}"));
                        }
                        (key.clone(), value)
                    })
                    .collect();
                entries.sort_by_key(|(key, _)| format!("{key:?}"));
                Value::Map(entries)
            }
            other => other.clone(),
        }
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| {
            if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() }
        })
}

fn map(entries: Vec<(&str, Value)>) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// A step as the script writes it down.
fn described(step: &Step) -> Value {
    match step {
        Step::ChordSize { group_id, size } => {
            map(vec![("chord_size", Value::List(vec![group_id.as_str().into(), (*size as i64).into()]))])
        }
        Step::SaveGroup { group } => {
            map(vec![("save_group", Value::List(vec![group.id.as_str().into(), group.to_value()]))])
        }
        Step::Send(call) => {
            let message = call.message(&Encoding::json("gen1@example", REPLY_TO)).expect("a message");
            let headers = TaskHeaders::decode(message.headers.get()).expect("headers");
            let text = std::str::from_utf8(&message.body).expect("JSON");
            assert!(Body::split(text).is_ok());
            let headers =
                Value::from_json(std::str::from_utf8(&headers.encode()).expect("JSON")).expect("JSON");
            let kept = |key: &str| (Value::from(key), headers.get(key).cloned().expect("a header"));
            let kept = [
                "id",
                "group",
                "group_index",
                "retries",
                "timelimit",
                "root_id",
                "parent_id",
                "argsrepr",
                "kwargsrepr",
                "ignore_result",
                "replaced_task_nesting",
                "stamped_headers",
                "stamps",
            ]
            .map(kept);
            map(vec![
                ("task", call.task.as_str().into()),
                ("headers", Value::Map(kept.to_vec())),
                ("reply_to", message.properties.reply_to.as_deref().into()),
                ("correlation_id", message.properties.correlation_id.as_deref().into()),
                ("body", Value::from_json(text).expect("JSON")),
                ("queue", call.options.text("queue").unwrap_or("celery").into()),
                ("priority", message.properties.priority.map(i64::from).into()),
            ])
        }
        other => panic!("unknown step {other:?}"),
    }
}

#[test]
fn canvases_are_sent_as_celery_sends_them() {
    let cases = match std::env::var_os("CANVASES") {
        Some(path) => std::fs::read_to_string(path).expect("the file of cases"),
        None => include_str!("../fixtures/canvas/5.7.jsonl").to_owned(),
    };
    let mut count = 0;
    let mut wrong = Vec::new();
    for line in cases.lines() {
        let case = Value::from_json(line).expect("a case");
        let spec = case.get("spec").expect("a spec");
        let signature = build(spec);
        let mut next = 0_u64;
        let mut ids = || {
            next += 1;
            format!("00000000-0000-4000-8000-{next:012x}")
        };
        let plan = signature
            .plan(&mut ids, REPLY_TO)
            .unwrap_or_else(|error| panic!("{error}: {}", spec.to_json().expect("JSON")));
        let ours = map(vec![
            ("built", signature.to_value()),
            ("steps", Value::List(plan.steps.iter().map(described).collect())),
            ("result", plan.result().map(|result| result.to_value()).unwrap_or_default()),
        ]);
        let theirs =
            map(["built", "steps", "result"].map(|key| (key, case.get(key).expect(key).clone())).to_vec());
        let (ours, theirs) = (Canonical::default().value(&ours), Canonical::default().value(&theirs));
        count += 1;
        if ours != theirs {
            wrong.push((line.len(), spec.clone(), ours, theirs));
        }
        let again = Signature::from_value(signature.to_value()).expect("what was written");
        assert_eq!(again.to_value(), signature.to_value());
    }
    wrong.sort_by_key(|(size, ..)| *size);
    if let Some((_, spec, ours, theirs)) = wrong.first() {
        let show = |value: &Value| value.to_json().expect("JSON").replace("}, ", "},\n");
        panic!(
            "{} of {count} differ; the smallest: {}\n\nours:\n{}\n\ntheirs:\n{}",
            wrong.len(),
            spec.to_json().expect("JSON"),
            show(ours),
            show(theirs)
        );
    }
    assert!(count >= 200);
}

/// Every task of a header carries what follows it: that must not grow with the power of the chain's length.
#[test]
fn a_long_chain_of_groups_stays_small() {
    let level = || group((0..25).map(|_| Signature::new("proj.add").args([1])));
    let pipeline = chain((0..10).map(|_| level()).chain([Signature::new("proj.xsum")]));
    let mut next = 0_u64;
    let mut ids = || {
        next += 1;
        format!("00000000-0000-4000-8000-{next:012x}")
    };
    let plan = pipeline.plan(&mut ids, REPLY_TO).expect("a plan");
    let sizes = plan.steps.iter().filter_map(|step| match step {
        Step::Send(call) => {
            Some(call.message(&Encoding::json("gen1@example", REPLY_TO)).expect("a message").body.len())
        }
        _ => None,
    });
    let sizes: Vec<usize> = sizes.collect();
    assert_eq!(sizes.len(), 25);
    // celery/t/integration/test_group_chains.py: test_large_group_pipeline.
    assert!(sizes.iter().all(|size| *size < 128 * 1024), "{sizes:?}");
}
