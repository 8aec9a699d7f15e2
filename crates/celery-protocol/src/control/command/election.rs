//! `election`.

use crate::{
    Error,
    event::Reader,
    json::{ObjectWriter, RawJson},
};

/// `election`: the workers choose one of them, which then acts (`celery/app/control.py: Control.election`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Election {
    /// The id of the election.
    pub id: String,
    /// What is voted on. Celery itself knows `task`.
    pub topic: String,
    /// What the winner does; of `task`, the signature to send.
    pub action: Option<RawJson>,
}

impl Election {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("id", &self.id);
        object.str("topic", &self.topic);
        object.raw("action", self.action.as_ref().map_or("null", RawJson::get));
    }

    pub(super) fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        Ok(Self {
            id: fields.required("id", "a string")?,
            topic: fields.required("topic", "a string")?,
            action: fields.nullable("action", "JSON")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::control::{Command, ControlRequest};

    #[test]
    fn captured() {
        let raw = include_bytes!("../../../fixtures/control/request/election.json");
        let command = ControlRequest::decode_body(raw).unwrap().command().unwrap();
        let Command::Election(election) = command else { panic!("{command:?}") };
        assert_eq!((&*election.id, &*election.topic), ("the-election", "task"));
        assert!(election.action.unwrap().get().contains("capture.add"));
    }
}
