//! A task as `scheduled` shows it.

use super::{
    TaskInfo,
    list::{decode_list, encode_list},
};
use crate::{
    Error,
    event::read_object,
    json::{ObjectWriter, RawJson},
};

const OBJECT: &str = "scheduled task";

/// A task that waits for its ETA (`celery/worker/control.py: _iter_schedule_requests`).
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduledTask {
    /// When it is due: ISO 8601.
    pub eta: Option<String>,
    /// The priority of its timer, not of its message. Celery's is 6.
    pub priority: i64,
    /// The task.
    pub request: TaskInfo,
    /// Whatever else was there.
    pub rest: Vec<(String, RawJson)>,
}

impl ScheduledTask {
    /// Reads one task.
    ///
    /// # Errors
    ///
    /// Those of [`TaskInfo::decode`], and [`Error::MissingField`] without `request`.
    pub fn decode(value: &str) -> Result<Self, Error> {
        read_object(OBJECT, value, |fields| {
            let request = fields.raw_some("request").ok_or(fields.missing("request"))?;
            Ok(Self {
                eta: fields.nullable("eta", "a string")?,
                priority: fields.nullable("priority", "a whole number")?.unwrap_or(6),
                request: TaskInfo::decode(request)?,
                rest: fields.rest()?,
            })
        })
    }

    /// Reads what `scheduled` answers.
    ///
    /// Memory: at most 96 bytes allocated for each byte read.
    ///
    /// # Errors
    ///
    /// As [`ScheduledTask::decode`].
    pub fn decode_list(value: &str) -> Result<Vec<Self>, Error> {
        decode_list(OBJECT, value, Self::decode)
    }

    /// Writes what `scheduled` answers.
    pub fn encode_list(tasks: &[Self]) -> String {
        encode_list(tasks, Self::write)
    }

    /// Appends the task as Celery writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        object.opt_str("eta", self.eta.as_deref());
        object.int("priority", self.priority);
        self.request.write(object.key("request"));
        for (key, json) in &self.rest {
            object.raw(key, json.get());
        }
        object.end();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::testing::value_of, *};

    #[test]
    fn captured_tasks_come_back_byte_for_byte() {
        let value = value_of(include_bytes!("../../../fixtures/control/reply/scheduled.json"));
        let tasks = ScheduledTask::decode_list(&value).unwrap();
        assert_eq!(ScheduledTask::encode_list(&tasks), value);
        let found = tasks.iter().find(|task| task.request.id == "id-scheduled").unwrap();
        assert_eq!((found.priority, &*found.request.name), (6, "capture.echo"));
        assert!(found.eta.as_deref().unwrap().ends_with("+00:00"));
    }

    #[test]
    fn the_task_is_needed() {
        assert_eq!(ScheduledTask::decode("{}").unwrap_err().to_string(), "scheduled task has no `request`");
        assert_eq!(ScheduledTask::decode_list("[]").unwrap(), []);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String, json in r#"[\[\]{}",:NaInfity0-9 ]{0,40}"#) {
            let _ = ScheduledTask::decode_list(&text);
            let _ = ScheduledTask::decode(&format!(r#"{{"request": {json}}}"#));
        }
    }
}
