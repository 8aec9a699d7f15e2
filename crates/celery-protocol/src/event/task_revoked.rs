//! `task-revoked`: a task will not run, or not on.

use std::borrow::Cow;

use super::Reader;
use crate::{Error, json::ObjectWriter};

/// `task-revoked` (`celery/worker/request.py: Request._announce_revoked`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskRevoked<'a> {
    /// The id of the task.
    pub uuid: Cow<'a, str>,
    /// Whether it ran and was terminated.
    pub terminated: bool,
    /// The signal that ended it.
    pub signum: Option<Signum<'a>>,
    /// Whether its `expires` had passed.
    pub expired: bool,
}

/// A signal in an event: Celery gives its number, or what the exception `Terminated` says, a number in a
/// string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signum<'a> {
    /// As a number.
    Number(i32),
    /// As text.
    Text(Cow<'a, str>),
}

impl<'a> TaskRevoked<'a> {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("uuid", &self.uuid);
        object.bool("terminated", self.terminated);
        match &self.signum {
            Some(Signum::Number(number)) => object.int("signum", *number),
            Some(Signum::Text(text)) => object.str("signum", text),
            None => object.raw("signum", "null"),
        }
        object.bool("expired", self.expired);
    }

    pub(super) fn read(fields: &mut Reader<'a, '_>) -> Result<Self, Error> {
        Ok(Self {
            uuid: fields.text("uuid")?,
            terminated: fields.nullable("terminated", "true or false")?.unwrap_or_default(),
            signum: match fields.raw("signum") {
                Some(json) if json.starts_with('"') => fields.nullable_text("signum")?.map(Signum::Text),
                _ => fields.nullable("signum", "a signal")?.map(Signum::Number),
            },
            expired: fields.nullable("expired", "true or false")?.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, EventKind};

    fn revoked(raw: &[u8]) -> TaskRevoked<'_> {
        let event = Event::decode(raw).unwrap();
        let EventKind::TaskRevoked(revoked) = event.kind else { panic!("{event:?}") };
        revoked
    }

    #[test]
    fn captured_termination() {
        let revoked = revoked(include_bytes!("../../fixtures/event/task-revoked.json"));
        assert_eq!((&*revoked.uuid, revoked.terminated, revoked.expired), ("id-terminated", true, false));
        assert_eq!(revoked.signum, Some(Signum::Number(9)));
    }

    #[test]
    fn captured_expiry() {
        let revoked = revoked(include_bytes!("../../fixtures/event/task-revoked-expired.json"));
        assert_eq!((revoked.terminated, revoked.signum, revoked.expired), (false, None, true));
    }

    #[test]
    fn a_signal_may_be_text() {
        let raw = br#"{"hostname": "w", "uuid": "u", "terminated": true, "signum": "15", "expired": false, "timestamp": 1.5, "type": "task-revoked"}"#;
        assert_eq!(revoked(raw).signum, Some(Signum::Text("15".into())));
        assert_eq!(Event::decode(raw).unwrap().encode(), raw);
    }
}
