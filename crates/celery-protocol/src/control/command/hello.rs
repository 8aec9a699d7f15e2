//! `hello`: a worker that starts asks the others what it has missed.

use serde::Deserialize;

use crate::{
    Error,
    event::Reader,
    json::{Fields, ObjectWriter, RawJson, write_names},
};

/// `hello` (`celery/worker/consumer/mingle.py: Mingle.send_hello`). A worker does not answer itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The node name of the worker that asks.
    pub from_node: String,
    /// The ids of the tasks that it knows to be revoked.
    pub revoked: Option<RevokedIds>,
}

/// The ids of revoked tasks, in both the forms that are on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevokedIds {
    /// Celery 5.7: the ids, the oldest first.
    List(Vec<String>),
    /// Before: an object whose keys are the ids. The values, `[time, id]`, are of the sender's monotonic
    /// clock and mean nothing elsewhere.
    Times(Vec<(String, RawJson)>),
}

impl RevokedIds {
    /// The ids.
    pub fn ids(&self) -> Vec<&str> {
        match self {
            Self::List(ids) => ids.iter().map(String::as_str).collect(),
            Self::Times(entries) => entries.iter().map(|(id, _)| &**id).collect(),
        }
    }

    pub(in crate::control) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::List(ids) => write_names(out, ids),
            Self::Times(entries) => {
                let mut object = ObjectWriter::new(out);
                for (id, time) in entries {
                    object.raw(id, time.get());
                }
                object.end();
            }
        }
    }

    /// Reads the field `revoked`.
    pub(in crate::control) fn read(fields: &mut Reader<'_, '_>) -> Result<Option<Self>, Error> {
        const FIELD: &str = "revoked";
        let Some(json) = fields.raw_some(FIELD) else { return Ok(None) };
        let read = if json.starts_with('{') {
            serde_json::from_str::<Fields<'_>>(json).and_then(|entries| {
                let own = |(id, json): (&str, &str)| Ok((id.to_owned(), RawJson::new(json)?));
                entries.iter().map(own).collect::<Result<_, _>>().map(Self::Times)
            })
        } else {
            Vec::deserialize(&mut serde_json::Deserializer::from_str(json)).map(Self::List)
        };
        read.map(Some).map_err(|_| fields.invalid(FIELD, "a list of ids, or an object of them"))
    }
}

impl Hello {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("from_node", &self.from_node);
        match &self.revoked {
            Some(revoked) => revoked.write(object.key("revoked")),
            None => object.raw("revoked", "null"),
        }
    }

    pub(super) fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        Ok(Self {
            from_node: fields.required("from_node", "a node name")?,
            revoked: RevokedIds::read(fields)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Command, ControlRequest};

    fn captured(raw: &[u8]) -> Hello {
        let command = ControlRequest::decode_body(raw).unwrap().command().unwrap();
        let Command::Hello(hello) = command else { panic!("{command:?}") };
        hello
    }

    #[test]
    fn captured_lists_and_times() {
        let hello = captured(include_bytes!("../../../fixtures/control/request/hello.json"));
        assert_eq!((&*hello.from_node, hello.revoked.unwrap().ids()), ("w9@example", vec!["id-x", "id-y"]));
        let hello = captured(include_bytes!("../../../fixtures/control/request/hello_dict.json"));
        assert_eq!(hello.revoked.unwrap().ids(), ["id-x"]);
        let hello = captured(include_bytes!("../../../fixtures/control/request/hello_self.json"));
        assert_eq!(hello.revoked, None);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let said = |arguments: &str| Command::decode("hello", arguments).unwrap_err().to_string();
        assert_eq!(said("{}"), "hello has no `from_node`");
        for revoked in ["5", "[5]", r#""id""#] {
            let said = said(&format!(r#"{{"from_node": "w", "revoked": {revoked}}}"#));
            assert_eq!(said, "hello: `revoked` must be a list of ids, or an object of them");
        }
    }
}
