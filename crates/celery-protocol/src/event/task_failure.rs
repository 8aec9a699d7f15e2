//! `task-failed` and `task-retried`: a task raised.

use std::borrow::Cow;

use super::Reader;
use crate::{Error, json::ObjectWriter};

/// `task-failed` and `task-retried` (`celery/worker/request.py: Request.on_failure`, `Request.on_retry`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskFailure<'a> {
    /// The id of the task.
    pub uuid: Cow<'a, str>,
    /// The `repr` of the exception.
    pub exception: Option<Cow<'a, str>>,
    /// The traceback as Python prints it. A task that is not registered has none, and then the field is left
    /// out (`celery/worker/consumer/consumer.py: Consumer.on_unknown_task`).
    pub traceback: Option<Cow<'a, str>>,
}

impl<'a> TaskFailure<'a> {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("uuid", &self.uuid);
        object.opt_str("exception", self.exception.as_deref());
        if let Some(traceback) = &self.traceback {
            object.str("traceback", traceback);
        }
    }

    pub(super) fn read(fields: &mut Reader<'a, '_>) -> Result<Self, Error> {
        Ok(Self {
            uuid: fields.text("uuid")?,
            exception: fields.nullable_text("exception")?,
            traceback: fields.optional_text("traceback")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, EventKind};

    fn failed(raw: &[u8]) -> TaskFailure<'_> {
        match Event::decode(raw).unwrap().kind {
            EventKind::TaskFailed(failure) | EventKind::TaskRetried(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn captured_failures() {
        let failure = failed(include_bytes!("../../fixtures/event/task-failed.json"));
        assert_eq!(failure.exception.as_deref(), Some("ValueError('no way', 7, 'ключ')"));
        assert!(failure.traceback.unwrap().ends_with("ValueError: ('no way', 7, 'ключ')\n"));
        let missing = failed(include_bytes!("../../fixtures/event/task-failed-missing.json"));
        assert_eq!(missing.exception.as_deref(), Some("NotRegistered('capture.missing')"));
        assert_eq!(missing.traceback, None);
    }

    #[test]
    fn captured_retry() {
        let retry = failed(include_bytes!("../../fixtures/event/task-retried.json"));
        assert_eq!((&*retry.uuid, retry.exception.as_deref()), ("id-retried", Some("KeyError('k')")));
    }
}
