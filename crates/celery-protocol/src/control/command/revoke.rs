//! `revoke`, `revoke_by_stamped_headers`, `terminate`.

use super::{OneOrMany, Signal, Stamp, Stamps};
use crate::{
    Error,
    event::Reader,
    json::{Fields, ObjectWriter},
};

const IDS: &str = "an id or a list of ids";
const SIGNAL: &str = "the name or number of a signal";

/// `revoke`: tasks are not to run (`celery/app/control.py: Control.revoke`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoke {
    /// The ids of the tasks.
    pub task_id: OneOrMany,
    /// Whether those that run are ended.
    pub terminate: bool,
    /// How they are ended. Nothing means SIGTERM.
    pub signal: Option<Signal>,
}

/// `revoke_by_stamped_headers`: tasks with a stamp are not to run (`Control.revoke_by_stamped_headers`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeByStampedHeaders {
    /// The stamps by the name of their header. Celery's command line sends `["name=stamp"]`, which is read
    /// too.
    pub headers: Vec<(String, Stamps)>,
    /// Whether those that run are ended.
    pub terminate: bool,
    /// How they are ended. Nothing means SIGTERM.
    pub signal: Option<Signal>,
}

/// `terminate`: running tasks are ended (`celery/worker/control.py: terminate`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminate {
    /// How they are ended. Nothing means SIGTERM.
    pub signal: Option<Signal>,
    /// The ids of the tasks.
    pub task_id: OneOrMany,
}

impl Revoke {
    /// Revokes as `app.control.revoke(task_id)` does.
    pub fn new(task_id: OneOrMany) -> Self {
        Self { task_id, terminate: false, signal: Some(Signal::Name("SIGTERM".to_owned())) }
    }

    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        self.task_id.write(object.key("task_id"));
        object.bool("terminate", self.terminate);
        write_signal(object, self.signal.as_ref());
    }

    pub(super) fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        Ok(Self {
            task_id: read_ids(fields)?,
            terminate: fields.truth("terminate").unwrap_or_default(),
            signal: fields.nullable("signal", SIGNAL)?,
        })
    }
}

impl RevokeByStampedHeaders {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        let mut headers = ObjectWriter::new(object.key("headers"));
        for (name, stamps) in &self.headers {
            stamps.write(headers.key(name));
        }
        headers.end();
        object.bool("terminate", self.terminate);
        write_signal(object, self.signal.as_ref());
    }

    pub(super) fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        let json = fields.raw_some("headers").ok_or(fields.missing("headers"))?;
        let headers = read_stamps(json);
        Ok(Self {
            headers: headers.ok_or(fields.invalid("headers", "an object of stamps or lists of stamps"))?,
            terminate: fields.truth("terminate").unwrap_or_default(),
            signal: fields.nullable("signal", SIGNAL)?,
        })
    }
}

impl Terminate {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        write_signal(object, self.signal.as_ref());
        self.task_id.write(object.key("task_id"));
    }

    pub(super) fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        Ok(Self { signal: fields.nullable("signal", SIGNAL)?, task_id: read_ids(fields)? })
    }
}

fn read_ids(fields: &mut Reader<'_, '_>) -> Result<OneOrMany, Error> {
    fields.required("task_id", IDS)
}

fn write_signal(object: &mut ObjectWriter<'_>, signal: Option<&Signal>) {
    match signal {
        Some(signal) => signal.write(object.key("signal")),
        None => object.raw("signal", "null"),
    }
}

fn read_stamps(json: &str) -> Option<Vec<(String, Stamps)>> {
    if json.starts_with('[') {
        let pairs: Vec<String> = serde_json::from_str(json).ok()?;
        let split = |pair: &String| {
            let mut parts = pair.split('=');
            Some((parts.next()?.to_owned(), Stamps::One(Stamp::from(parts.next()?))))
        };
        return pairs.iter().map(split).collect();
    }
    let fields: Fields<'_> = serde_json::from_str(json).ok()?;
    fields.iter().map(|(name, json)| Some((name.to_owned(), Stamps::from_json(json)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Command, ControlRequest};

    fn captured(raw: &[u8]) -> Command {
        ControlRequest::decode_body(raw).unwrap().command().unwrap()
    }

    #[test]
    fn captured_commands() {
        let revoke = captured(include_bytes!("../../../fixtures/control/request/revoke.json"));
        assert_eq!(revoke, Command::Revoke(Revoke::new(OneOrMany::One("id-revoked".to_owned()))));
        let many = captured(include_bytes!("../../../fixtures/control/request/revoke_many.json"));
        let Command::Revoke(many) = many else { panic!("{many:?}") };
        assert_eq!(many.task_id.as_slice(), ["id-a", "id-b"]);
        assert_eq!((many.terminate, many.signal), (true, Some(Signal::Number(9))));
        let end = captured(include_bytes!("../../../fixtures/control/request/terminate.json"));
        let Command::Terminate(end) = end else { panic!("{end:?}") };
        assert_eq!(
            (end.task_id.as_slice(), end.signal.unwrap().short_name().as_deref()),
            (&["id-c".to_owned()][..], Some("KILL"))
        );
    }

    #[test]
    fn captured_stamps() {
        let command =
            captured(include_bytes!("../../../fixtures/control/request/revoke_by_stamped_headers.json"));
        let Command::RevokeByStampedHeaders(command) = command else { panic!("{command:?}") };
        let stamps: Vec<_> =
            command.headers.iter().map(|(name, stamps)| (&**name, stamps.as_slice().len())).collect();
        assert_eq!(stamps, [("tenant", 2), ("one", 1)]);
    }

    #[test]
    fn the_command_line_and_flower_send_less() {
        let read = |method, arguments| Command::decode(method, arguments);
        let Command::Revoke(revoke) = read("revoke", r#"{"task_id": ["a"]}"#).unwrap() else { panic!() };
        assert_eq!((revoke.terminate, revoke.signal), (false, None));
        let Command::Revoke(flower) = read("revoke", r#"{"task_id": "a", "terminate": 1}"#).unwrap() else {
            panic!()
        };
        assert!(flower.terminate);
        let stamps = read("revoke_by_stamped_headers", r#"{"headers": ["a=1", "b=2=3"]}"#).unwrap();
        let Command::RevokeByStampedHeaders(stamps) = stamps else { panic!() };
        assert_eq!(stamps.headers[1], ("b".to_owned(), Stamps::One(Stamp::from("2"))));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let said =
            |method: &str, arguments: &str| Command::decode(method, arguments).unwrap_err().to_string();
        assert_eq!(said("revoke", "{}"), "revoke has no `task_id`");
        assert_eq!(said("revoke", r#"{"task_id": 5}"#), "revoke: `task_id` must be an id or a list of ids");
        assert_eq!(
            said("terminate", r#"{"task_id": "a", "signal": []}"#),
            "terminate: `signal` must be the name or number of a signal"
        );
        for headers in [r#"["a"]"#, "5"] {
            let said = said("revoke_by_stamped_headers", &format!(r#"{{"headers": {headers}}}"#));
            assert!(said.ends_with("`headers` must be an object of stamps or lists of stamps"), "{said}");
        }
    }
}
