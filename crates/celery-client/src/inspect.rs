//! What workers can be asked for (`celery/app/control.py: Inspect`).

use celery_protocol::{
    Error, Value,
    control::{
        Command, Objgraph, OneOrMany, Registered,
        reply::{Answer, ClockReply, QueriedTask, QueueInfo, ScheduledTask, Stats, TaskInfo, decode_names},
    },
};

use crate::{Result, workers::ByNode, workers::Workers};

/// # Inspecting
///
/// Each returns the errors of [`ask`](Self::ask); an entry is [`Error::Node`](crate::Error::Node) when the worker refused,
/// and [`Error::Protocol`](crate::Error::Protocol) when its reply is not what is expected.
impl Workers<'_> {
    /// The workers that are there. Each says `pong`.
    pub async fn ping(&self) -> Result<ByNode<String>> {
        self.inspect(Command::Ping, said).await
    }

    /// The tasks that run.
    pub async fn active(&self) -> Result<ByNode<Vec<TaskInfo>>> {
        self.inspect(Command::Active { safe: None }, TaskInfo::decode_list).await
    }

    /// The tasks that were taken and wait for a slot.
    pub async fn reserved(&self) -> Result<ByNode<Vec<TaskInfo>>> {
        self.inspect(Command::Reserved, TaskInfo::decode_list).await
    }

    /// The tasks that were taken and wait for their ETA.
    pub async fn scheduled(&self) -> Result<ByNode<Vec<ScheduledTask>>> {
        self.inspect(Command::Scheduled, ScheduledTask::decode_list).await
    }

    /// The ids of revoked tasks.
    pub async fn revoked(&self) -> Result<ByNode<Vec<String>>> {
        self.inspect(Command::Revoked, decode_names).await
    }

    /// The tasks of these ids that the worker has.
    pub async fn query_task<I: Into<String>>(
        &self,
        ids: impl IntoIterator<Item = I>,
    ) -> Result<ByNode<Vec<QueriedTask>>> {
        let ids = OneOrMany::Many(ids.into_iter().map(Into::into).collect());
        self.inspect(Command::QueryTask { ids }, QueriedTask::decode_all).await
    }

    /// The registered tasks: `name`, or `name [attribute=value …]`.
    pub async fn registered<I: Into<String>>(
        &self,
        attributes: impl IntoIterator<Item = I>,
    ) -> Result<ByNode<Vec<String>>> {
        let taskinfoitems = attributes.into_iter().map(Into::into).collect();
        self.inspect(Command::Registered(Registered { taskinfoitems, builtins: false }), decode_names).await
    }

    /// Figures of the worker.
    pub async fn stats(&self) -> Result<ByNode<Stats>> {
        self.inspect(Command::Stats, Stats::decode).await
    }

    /// The queues that the worker takes tasks from.
    pub async fn active_queues(&self) -> Result<ByNode<Vec<QueueInfo>>> {
        self.inspect(Command::ActiveQueues, QueueInfo::decode_list).await
    }

    /// The settings of the worker's app, with or without those that nobody has set: a map.
    pub async fn conf(&self, with_defaults: bool) -> Result<ByNode<Value>> {
        self.inspect(Command::Conf { with_defaults }, Value::from_json).await
    }

    /// The logical clock.
    pub async fn clock(&self) -> Result<ByNode<u64>> {
        self.inspect(Command::Clock, |value| Ok(ClockReply::decode(value)?.clock)).await
    }

    /// A text about versions and settings, for reports of bugs.
    pub async fn report(&self) -> Result<ByNode<String>> {
        self.inspect(Command::Report, said).await
    }

    /// Takes a sample of the memory that the worker uses. Nothing where it cannot.
    pub async fn memsample(&self) -> Result<ByNode<Option<String>>> {
        self.inspect(Command::Memsample, text_or_none).await
    }

    /// The samples, as a text.
    pub async fn memdump(&self, samples: u32) -> Result<ByNode<Option<String>>> {
        self.inspect(Command::Memdump { samples }, text_or_none).await
    }

    /// Draws what refers to the objects of a class, and gives the name of the file on the worker's machine.
    pub async fn objgraph(&self, objgraph: Objgraph) -> Result<ByNode<String>> {
        let filename = |value: &str| match Value::from_json(value)? {
            Value::Map(entries) => {
                let found = entries.into_iter().find(|(key, _)| *key == Value::Str("filename".to_owned()));
                found.and_then(|(_, name)| text_of(name)).ok_or(missing("filename"))
            }
            _ => Err(missing("filename")),
        };
        self.inspect(Command::Objgraph(objgraph), filename).await
    }
}

/// The text of `{"ok": text}`.
fn said(value: &str) -> Result<String, Error> {
    match Answer::decode(value) {
        Answer::Ok(text) => Ok(text),
        _ => Err(missing("ok")),
    }
}

fn text_or_none(value: &str) -> Result<Option<String>, Error> {
    match Value::from_json(value)? {
        Value::Null => Ok(None),
        other => text_of(other).map(Some).ok_or(Error::InvalidField {
            object: "control reply",
            field: "value",
            expected: "a string or null",
        }),
    }
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

fn missing(field: &'static str) -> Error {
    Error::MissingField { object: "control reply", field }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_expected_is_read() {
        assert_eq!(said(r#"{"ok": "pong"}"#).unwrap(), "pong");
        assert_eq!(said("null").unwrap_err().to_string(), "control reply has no `ok`");
        assert_eq!(text_or_none("null").unwrap(), None);
        assert_eq!(text_or_none(r#""12MB""#).unwrap().as_deref(), Some("12MB"));
        assert!(text_or_none("5").is_err());
    }
}
