//! `task-started`, `task-succeeded`, `task-rejected`, `task-cancelled`: how a task fares.

use std::borrow::Cow;

use super::Reader;
use crate::{
    Error,
    json::{ObjectWriter, write_f64},
};

/// `task-started` (`celery/worker/request.py: Request.on_accepted`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskStarted<'a> {
    /// The id of the task.
    pub uuid: Cow<'a, str>,
}

/// `task-succeeded` (`Request.on_success`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskSucceeded<'a> {
    /// The id of the task.
    pub uuid: Cow<'a, str>,
    /// The result, as `repr` shows it, cut short.
    pub result: Option<Cow<'a, str>>,
    /// How long it ran, in seconds.
    pub runtime: Option<f64>,
}

/// `task-rejected`: the message was refused (`Request.reject`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskRejected<'a> {
    /// The id of the task.
    pub uuid: Cow<'a, str>,
    /// Whether the message went back to its queue.
    pub requeue: bool,
}

/// `task-cancelled`: the worker gave a running task up, since it lost its broker or ends (`Request.cancel`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskCancelled<'a> {
    /// The id of the task.
    pub uuid: Cow<'a, str>,
}

impl<'a> TaskStarted<'a> {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("uuid", &self.uuid);
    }

    pub(super) fn read(fields: &mut Reader<'a, '_>) -> Result<Self, Error> {
        Ok(Self { uuid: fields.text("uuid")? })
    }
}

impl<'a> TaskSucceeded<'a> {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("uuid", &self.uuid);
        object.opt_str("result", self.result.as_deref());
        match self.runtime {
            Some(seconds) => write_f64(object.key("runtime"), seconds),
            None => object.raw("runtime", "null"),
        }
    }

    pub(super) fn read(fields: &mut Reader<'a, '_>) -> Result<Self, Error> {
        Ok(Self {
            uuid: fields.text("uuid")?,
            result: fields.nullable_text("result")?,
            runtime: fields.nullable("runtime", "seconds")?,
        })
    }
}

impl<'a> TaskRejected<'a> {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("uuid", &self.uuid);
        object.bool("requeue", self.requeue);
    }

    pub(super) fn read(fields: &mut Reader<'a, '_>) -> Result<Self, Error> {
        Ok(Self {
            uuid: fields.text("uuid")?,
            requeue: fields.nullable("requeue", "true or false")?.unwrap_or_default(),
        })
    }
}

impl<'a> TaskCancelled<'a> {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("uuid", &self.uuid);
    }

    pub(super) fn read(fields: &mut Reader<'a, '_>) -> Result<Self, Error> {
        Ok(Self { uuid: fields.text("uuid")? })
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{Event, EventKind};

    #[test]
    fn captured_success() {
        let event = Event::decode(include_bytes!("../../fixtures/event/task-succeeded.json")).unwrap();
        let EventKind::TaskSucceeded(succeeded) = event.kind else { panic!("{event:?}") };
        assert_eq!((&*succeeded.uuid, succeeded.result.as_deref()), ("id-succeeded", Some("3")));
        assert!(succeeded.runtime.unwrap() > 0.0);
    }

    #[test]
    fn captured_rejection() {
        let event = Event::decode(include_bytes!("../../fixtures/event/task-rejected.json")).unwrap();
        let EventKind::TaskRejected(rejected) = event.kind else { panic!("{event:?}") };
        assert_eq!((&*rejected.uuid, rejected.requeue), ("id-rejected", false));
    }

    #[test]
    fn captured_start_and_cancellation() {
        let event = Event::decode(include_bytes!("../../fixtures/event/task-started.json")).unwrap();
        assert!(matches!(event.kind, EventKind::TaskStarted(started) if started.uuid == "id-succeeded"));
        let event = Event::decode(include_bytes!("../../fixtures/event/task-cancelled.json")).unwrap();
        assert!(matches!(event.kind, EventKind::TaskCancelled(ended) if ended.uuid == "id-cancelled"));
    }
}
