//! `registered` and `objgraph`.

use crate::{
    Error,
    event::Reader,
    json::{ObjectWriter, write_names},
};

/// `registered`: which tasks there are (`celery/app/control.py: Inspect.registered`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registered {
    /// The attributes to show beside the names. None means `exchange`, `routing_key` and `rate_limit`.
    pub taskinfoitems: Vec<String>,
    /// Whether Celery's own tasks are shown. Celery's client never asks for them.
    pub builtins: bool,
}

/// `objgraph`: a picture of what refers to what (`Inspect.objgraph`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objgraph {
    /// How many objects are shown.
    pub num: u32,
    /// How many levels are shown.
    pub max_depth: u32,
    /// The name of the Python class.
    pub kind: String,
}

impl Default for Objgraph {
    fn default() -> Self {
        Self { num: 200, max_depth: 10, kind: "Request".to_owned() }
    }
}

impl Registered {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        write_names(object.key("taskinfoitems"), &self.taskinfoitems);
        if self.builtins {
            object.bool("builtins", true);
        }
    }

    pub(super) fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        Ok(Self {
            taskinfoitems: fields.nullable("taskinfoitems", "a list of attributes")?.unwrap_or_default(),
            builtins: fields.truth("builtins").unwrap_or_default(),
        })
    }
}

impl Objgraph {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.int("num", self.num);
        object.int("max_depth", self.max_depth);
        object.str("type", &self.kind);
    }

    pub(super) fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        let usual = Self::default();
        Ok(Self {
            num: fields.nullable("num", "a count")?.unwrap_or(usual.num),
            max_depth: fields.nullable("max_depth", "a count")?.unwrap_or(usual.max_depth),
            kind: fields.nullable("type", "a string")?.unwrap_or(usual.kind),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Command, ControlRequest};

    #[test]
    fn captured() {
        let read = |raw| ControlRequest::decode_body(raw).unwrap().command().unwrap();
        let registered = read(include_bytes!("../../../fixtures/control/request/registered_items.json"));
        let taskinfoitems = vec!["max_retries".to_owned(), "serializer".to_owned()];
        assert_eq!(registered, Command::Registered(Registered { taskinfoitems, builtins: false }));
        let objgraph = read(include_bytes!("../../../fixtures/control/request/objgraph.json"));
        assert_eq!(objgraph, Command::Objgraph(Objgraph::default()));
    }
}
