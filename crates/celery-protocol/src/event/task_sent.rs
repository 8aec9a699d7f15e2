//! `task-sent`: a client published a task.

use std::borrow::Cow;

use super::Reader;
use crate::{Error, json::ObjectWriter};

/// `task-sent` (`celery/app/amqp.py: AMQP.as_task_v2`, `AMQP._create_task_sender`), when
/// `task_send_sent_event` is on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskSent<'a> {
    /// The id of the task.
    pub uuid: Cow<'a, str>,
    /// The id of the first task of the workflow.
    pub root_id: Option<Cow<'a, str>>,
    /// The id of the task that sent it.
    pub parent_id: Option<Cow<'a, str>>,
    /// The name of the task.
    pub name: Option<Cow<'a, str>>,
    /// The positional arguments, as `repr` shows them, cut short.
    pub args: Option<Cow<'a, str>>,
    /// The keyword arguments, as `repr` shows them, cut short.
    pub kwargs: Option<Cow<'a, str>>,
    /// How many times it was retried.
    pub retries: Option<u32>,
    /// Not to be run before: ISO 8601.
    pub eta: Option<Cow<'a, str>>,
    /// Not to be run after: ISO 8601.
    pub expires: Option<Cow<'a, str>>,
    /// The queue, when the client knows it.
    pub queue: Option<Cow<'a, str>>,
    /// The exchange.
    pub exchange: Option<Cow<'a, str>>,
    /// The routing key.
    pub routing_key: Option<Cow<'a, str>>,
}

impl<'a> TaskSent<'a> {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("uuid", &self.uuid);
        object.opt_str("root_id", self.root_id.as_deref());
        object.opt_str("parent_id", self.parent_id.as_deref());
        object.opt_str("name", self.name.as_deref());
        object.opt_str("args", self.args.as_deref());
        object.opt_str("kwargs", self.kwargs.as_deref());
        object.int("retries", self.retries.unwrap_or_default());
        object.opt_str("eta", self.eta.as_deref());
        object.opt_str("expires", self.expires.as_deref());
        object.opt_str("queue", self.queue.as_deref());
        object.opt_str("exchange", self.exchange.as_deref());
        object.opt_str("routing_key", self.routing_key.as_deref());
    }

    pub(super) fn read(fields: &mut Reader<'a, '_>) -> Result<Self, Error> {
        Ok(Self {
            uuid: fields.text("uuid")?,
            root_id: fields.nullable_text("root_id")?,
            parent_id: fields.nullable_text("parent_id")?,
            name: fields.nullable_text("name")?,
            args: fields.nullable_text("args")?,
            kwargs: fields.nullable_text("kwargs")?,
            retries: fields.nullable("retries", "a count")?,
            eta: fields.nullable_text("eta")?,
            expires: fields.nullable_text("expires")?,
            queue: fields.nullable_text("queue")?,
            exchange: fields.nullable_text("exchange")?,
            routing_key: fields.nullable_text("routing_key")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{Event, EventKind};

    #[test]
    fn captured() {
        let event = Event::decode(include_bytes!("../../fixtures/event/task-sent.json")).unwrap();
        let EventKind::TaskSent(sent) = event.kind else { panic!("{event:?}") };
        assert_eq!((&*sent.uuid, sent.root_id.as_deref()), ("id-succeeded", Some("the-root")));
        assert_eq!((sent.name.as_deref(), sent.args.as_deref()), (Some("capture.add"), Some("(1, 2)")));
        assert_eq!((sent.exchange.as_deref(), sent.routing_key.as_deref()), (Some(""), Some("work")));
        assert_eq!((sent.retries, sent.eta), (Some(0), None));
    }
}
