//! Signatures as dictionaries.

use super::{
    Options, Signature,
    signature::{Header, Kind},
};
use crate::{Error, Value};

const OBJECT: &str = "signature";

pub(super) fn invalid(field: &'static str, expected: &'static str) -> Error {
    Error::InvalidField { object: OBJECT, field, expected }
}

impl Signature {
    /// Reads a signature (`celery/canvas.py: Signature.from_dict` and those of its subclasses).
    ///
    /// # Errors
    ///
    /// [`Error::MissingField`] without `task`, [`Error::InvalidField`] when a part has another type, or a chain, group
    /// or chord lacks what it is made of.
    pub fn from_value(value: Value) -> Result<Self, Error> {
        let Value::Map(entries) = value else { return Err(invalid("task", "in a dict")) };
        let mut signature = Self::new("");
        let mut named = false;
        for (key, value) in entries {
            match (key.as_str(), value) {
                (Some("task"), Value::Str(task)) => {
                    signature.task = task;
                    named = true;
                }
                (Some("args"), Value::List(args)) => signature.args = args,
                (Some("kwargs"), Value::Map(kwargs)) => signature.kwargs = kwargs,
                (Some("options"), Value::Map(options)) => signature.options = Options::from_entries(options)?,
                (Some("subtask_type"), Value::Str(name)) => signature.subtask_type = Some(name),
                (Some("immutable"), Value::Bool(immutable)) => signature.immutable = immutable,
                (Some("args" | "kwargs" | "options" | "subtask_type" | "immutable"), Value::Null) => {}
                (Some("task"), _) => return Err(invalid("task", "a str")),
                (Some("args"), _) => return Err(invalid("args", "a list")),
                (Some("kwargs"), _) => return Err(invalid("kwargs", "a dict")),
                (Some("options"), _) => return Err(invalid("options", "a dict")),
                (Some("subtask_type"), _) => return Err(invalid("subtask_type", "a str")),
                (Some("immutable"), _) => return Err(invalid("immutable", "a bool")),
                (_, value) => signature.rest.push((key, value)),
            }
        }
        if !named {
            return Err(Error::MissingField { object: OBJECT, field: "task" });
        }
        signature.kind = match signature.subtask_type.as_deref() {
            Some("chain") => Kind::Chain(members(take(&mut signature.kwargs, "tasks"))?),
            Some("group") => Kind::Group(members(take(&mut signature.kwargs, "tasks"))?),
            Some("chord") => {
                let header = match take(&mut signature.kwargs, "header") {
                    Some(group @ Value::Map(_)) => {
                        Header { group: Box::new(Self::from_value(group)?), listed: false }
                    }
                    tasks => Header::of(members(tasks)?),
                };
                let body = match take(&mut signature.kwargs, "body") {
                    None | Some(Value::Null) => None,
                    Some(body) => Some(Box::new(Self::from_value(body)?)),
                };
                Kind::Chord(header, body)
            }
            _ => Kind::Task,
        };
        Ok(signature)
    }

    /// Reads a signature from JSON text.
    ///
    /// Memory: at most 64 bytes allocated for each byte read.
    ///
    /// # Errors
    ///
    /// As [`Signature::from_value`] and [`Value::from_json`].
    pub fn from_json(text: &str) -> Result<Self, Error> {
        Self::from_value(Value::from_json(text)?)
    }

    /// The dictionary, in Celery's order.
    pub fn to_value(&self) -> Value {
        let mut kwargs = self.kwargs.clone();
        let list = |tasks: &[Self]| Value::List(tasks.iter().map(Self::to_value).collect());
        match &self.kind {
            Kind::Task => {}
            Kind::Chain(tasks) | Kind::Group(tasks) => kwargs.push(("tasks".into(), list(tasks))),
            Kind::Chord(header, body) => {
                let header = if header.listed { list(header.group.tasks()) } else { header.group.to_value() };
                kwargs.push(("header".into(), header));
                kwargs.push(("body".into(), body.as_ref().map_or(Value::Null, |body| body.to_value())));
            }
        }
        let mut entries: Vec<(Value, Value)> = vec![
            ("task".into(), self.task.as_str().into()),
            ("args".into(), Value::List(self.args.clone())),
            ("kwargs".into(), Value::Map(kwargs)),
            ("options".into(), self.options.to_value()),
            ("subtask_type".into(), self.subtask_type.as_deref().into()),
            ("immutable".into(), self.immutable.into()),
        ];
        entries.extend(self.rest.iter().cloned());
        Value::Map(entries)
    }

    /// The JSON text, as Celery writes it.
    ///
    /// # Errors
    ///
    /// As [`Value::to_json`].
    pub fn to_json(&self) -> Result<String, Error> {
        self.to_value().to_json()
    }
}

/// Takes an entry out of a dictionary: the last of its name, which is the one that Python's parser keeps.
fn take(entries: &mut Vec<(Value, Value)>, key: &str) -> Option<Value> {
    let mut taken = None;
    for (name, value) in std::mem::take(entries) {
        if name.as_str() == Some(key) {
            taken = Some(value);
        } else {
            entries.push((name, value));
        }
    }
    taken
}

fn members(value: Option<Value>) -> Result<Vec<Signature>, Error> {
    match value {
        Some(Value::List(items)) => items.into_iter().map(Signature::from_value).collect(),
        _ => Err(invalid("kwargs", "a dict with the list of the signatures")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Body, Message};

    /// Every signature in the body of a captured message.
    fn captured(raw: &[u8]) -> Vec<String> {
        let body = Message::from_envelope(raw).unwrap().body;
        let embed = Body::split(std::str::from_utf8(&body).unwrap()).unwrap().embed;
        let parts = [embed.callbacks, embed.errbacks, embed.chain, embed.chord].into_iter().flatten();
        parts
            .flat_map(|text| match Value::from_json(text).unwrap() {
                Value::List(signatures) => signatures,
                signature => vec![signature],
            })
            .map(|signature| signature.to_json().unwrap())
            .collect()
    }

    #[test]
    fn captured_signatures_come_back_byte_for_byte() {
        let messages: [&[u8]; 3] = [
            include_bytes!("../../fixtures/envelope/chain.json"),
            include_bytes!("../../fixtures/envelope/chord_part.json"),
            include_bytes!("../../fixtures/envelope/task_options.json"),
        ];
        let signatures: Vec<String> = messages.into_iter().flat_map(captured).collect();
        assert!(signatures.len() >= 5);
        for text in signatures {
            assert_eq!(Signature::from_json(&text).unwrap().to_json().unwrap(), text);
        }
    }

    #[test]
    fn what_is_unknown_survives() {
        let text = r#"{"task": "t", "args": [], "kwargs": {}, "options": {"later": {"x": 1}, "link": null}, "subtask_type": "xmap", "immutable": true, "chord_size": 3}"#;
        assert_eq!(Signature::from_json(text).unwrap().to_json().unwrap(), text);
    }

    #[test]
    fn the_last_of_several_entries_of_one_name_counts() {
        let text = r#"{"task": "celery.chord", "subtask_type": "chord", "kwargs": {"header": [{"task": "old"}],
            "kwargs": {}, "header": [{"task": "new"}], "body": null, "body": {"task": "body"}}}"#;
        let chord = Signature::from_json(text).unwrap();
        assert_eq!(Signature::from_json(&chord.to_json().unwrap()).unwrap(), chord);
        assert_eq!(chord.to_json().unwrap().matches("\"new\"").count(), 1);
        assert!(!chord.to_json().unwrap().contains("\"old\""));
    }

    #[test]
    fn other_shapes_are_refused() {
        let said = |text| Signature::from_json(text).unwrap_err().to_string();
        assert_eq!(said("[]"), "signature: `task` must be in a dict");
        assert_eq!(said("{}"), "signature has no `task`");
        assert_eq!(said(r#"{"task": "t", "args": 1}"#), "signature: `args` must be a list");
        let options: Vec<String> = (0..1025).map(|n| format!("\"{n}\": 1")).collect();
        let crowded = format!(r#"{{"task": "t", "options": {{{}}}}}"#, options.join(", "));
        assert_eq!(said(&crowded), "signature: `options` must be a dict of at most 1024 entries");
        assert_eq!(
            said(r#"{"task": "celery.chain", "kwargs": {}, "subtask_type": "chain"}"#),
            "signature: `kwargs` must be a dict with the list of the signatures"
        );
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String, json in r#"[\[\]{}",:0-9tasklinkop ]{0,60}"#) {
            let _ = Signature::from_json(&text);
            let _ = Signature::from_json(&format!(r#"{{"task": "t", "options": {json}, "kwargs": {json}}}"#));
        }
    }
}
