//! `task-received`: a worker has taken a task from its queue.

use std::borrow::Cow;

use super::Reader;
use crate::{Error, json::ObjectWriter};

/// `task-received` (`celery/worker/strategy.py: default`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskReceived<'a> {
    /// The id of the task.
    pub uuid: Cow<'a, str>,
    /// The name of the task.
    pub name: Option<Cow<'a, str>>,
    /// The positional arguments, as `repr` shows them, cut short.
    pub args: Option<Cow<'a, str>>,
    /// The keyword arguments, as `repr` shows them, cut short.
    pub kwargs: Option<Cow<'a, str>>,
    /// The id of the first task of the workflow.
    pub root_id: Option<Cow<'a, str>>,
    /// The id of the task that sent it.
    pub parent_id: Option<Cow<'a, str>>,
    /// How many times it was retried.
    pub retries: Option<u32>,
    /// Not to be run before: ISO 8601.
    pub eta: Option<Cow<'a, str>>,
    /// Not to be run after: ISO 8601.
    pub expires: Option<Cow<'a, str>>,
}

impl<'a> TaskReceived<'a> {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("uuid", &self.uuid);
        object.opt_str("name", self.name.as_deref());
        object.opt_str("args", self.args.as_deref());
        object.opt_str("kwargs", self.kwargs.as_deref());
        object.opt_str("root_id", self.root_id.as_deref());
        object.opt_str("parent_id", self.parent_id.as_deref());
        object.int("retries", self.retries.unwrap_or_default());
        object.opt_str("eta", self.eta.as_deref());
        object.opt_str("expires", self.expires.as_deref());
    }

    pub(super) fn read(fields: &mut Reader<'a, '_>) -> Result<Self, Error> {
        Ok(Self {
            uuid: fields.text("uuid")?,
            name: fields.nullable_text("name")?,
            args: fields.nullable_text("args")?,
            kwargs: fields.nullable_text("kwargs")?,
            root_id: fields.nullable_text("root_id")?,
            parent_id: fields.nullable_text("parent_id")?,
            retries: fields.nullable("retries", "a count")?,
            eta: fields.nullable_text("eta")?,
            expires: fields.nullable_text("expires")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{Event, EventKind};

    #[test]
    fn captured() {
        let event = Event::decode(include_bytes!("../../fixtures/event/task-received-eta.json")).unwrap();
        let EventKind::TaskReceived(received) = event.kind else { panic!("{event:?}") };
        assert_eq!((&*received.uuid, received.name.as_deref()), ("id-later", Some("capture.echo")));
        assert_eq!(received.args.as_deref(), Some("('Zoë \u{1f600}',)"));
        assert!(received.eta.unwrap().ends_with("+00:00"));
        assert_eq!((received.parent_id, received.expires), (None, None));
    }
}
