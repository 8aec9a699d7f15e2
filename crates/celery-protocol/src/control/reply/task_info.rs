//! A task as `active`, `reserved` and others show it.

use super::list::{decode_list, encode_list};
use crate::{
    Error,
    event::{Reader, read_object},
    json::{ObjectWriter, RawJson, write_f64},
};

const OBJECT: &str = "task info";

/// A task that a worker has (`celery/worker/request.py: Request.info`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskInfo {
    /// The id of the task.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The positional arguments as JSON text: an array, or a string with their `repr` when `safe` was asked
    /// for. It may hold `NaN`.
    pub args: String,
    /// The keyword arguments as JSON text: an object, or a string.
    pub kwargs: String,
    /// The name of the task that the message gave.
    pub kind: Option<String>,
    /// The node name of the worker.
    pub hostname: Option<String>,
    /// When it started, in seconds since 1970.
    pub time_start: Option<f64>,
    /// Whether its message is acknowledged.
    pub acknowledged: bool,
    /// How its message came.
    pub delivery_info: TaskRoute,
    /// The id of the process that runs it.
    pub worker_pid: Option<i64>,
    /// Whatever else was there.
    pub rest: Vec<(String, RawJson)>,
}

/// How a message came (`celery/worker/request.py: Request.__init__`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskRoute {
    /// The exchange.
    pub exchange: Option<String>,
    /// The routing key.
    pub routing_key: Option<String>,
    /// The priority.
    pub priority: Option<i64>,
    /// Whether it was delivered before.
    pub redelivered: Option<bool>,
    /// Whatever else was there.
    pub rest: Vec<(String, RawJson)>,
}

impl TaskInfo {
    /// Reads one task.
    ///
    /// # Errors
    ///
    /// [`Error::Json`], [`Error::TooDeep`], [`Error::InvalidField`], and [`Error::MissingField`] without `id`
    /// or `name`.
    pub fn decode(value: &str) -> Result<Self, Error> {
        read_object(OBJECT, value, |fields| {
            Ok(Self {
                id: fields.text("id")?.into_owned(),
                name: fields.text("name")?.into_owned(),
                args: fields.raw("args").unwrap_or("null").to_owned(),
                kwargs: fields.raw("kwargs").unwrap_or("null").to_owned(),
                kind: fields.nullable("type", "a string")?,
                hostname: fields.nullable("hostname", "a string")?,
                time_start: fields.nullable("time_start", "seconds")?,
                acknowledged: fields.nullable("acknowledged", "true or false")?.unwrap_or_default(),
                delivery_info: match fields.raw("delivery_info") {
                    None | Some("null") => TaskRoute::default(),
                    Some(json) => read_object("delivery_info", json, TaskRoute::read)?,
                },
                worker_pid: fields.nullable("worker_pid", "a whole number")?,
                rest: fields.rest()?,
            })
        })
    }

    /// Reads what `active` and `reserved` answer.
    ///
    /// Memory: at most 96 bytes allocated for each byte read.
    ///
    /// # Errors
    ///
    /// As [`TaskInfo::decode`].
    pub fn decode_list(value: &str) -> Result<Vec<Self>, Error> {
        decode_list(OBJECT, value, Self::decode)
    }

    /// Writes what `active` and `reserved` answer.
    pub fn encode_list(tasks: &[Self]) -> String {
        encode_list(tasks, Self::write)
    }

    /// Appends the task as Celery writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        let or_null = |json: &str| if json.is_empty() { "null".to_owned() } else { json.to_owned() };
        let mut object = ObjectWriter::new(out);
        object.str("id", &self.id);
        object.str("name", &self.name);
        object.raw("args", &or_null(&self.args));
        object.raw("kwargs", &or_null(&self.kwargs));
        object.opt_str("type", self.kind.as_deref());
        object.opt_str("hostname", self.hostname.as_deref());
        match self.time_start {
            Some(seconds) => write_f64(object.key("time_start"), seconds),
            None => object.raw("time_start", "null"),
        }
        object.bool("acknowledged", self.acknowledged);
        self.delivery_info.write(object.key("delivery_info"));
        match self.worker_pid {
            Some(pid) => object.int("worker_pid", pid),
            None => object.raw("worker_pid", "null"),
        }
        for (key, json) in &self.rest {
            object.raw(key, json.get());
        }
        object.end();
    }
}

impl TaskRoute {
    fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        Ok(Self {
            exchange: fields.nullable("exchange", "a string")?,
            routing_key: fields.nullable("routing_key", "a string")?,
            priority: fields.nullable("priority", "a whole number")?,
            redelivered: fields.nullable("redelivered", "true or false")?,
            rest: fields.rest()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        object.opt_str("exchange", self.exchange.as_deref());
        object.opt_str("routing_key", self.routing_key.as_deref());
        match self.priority {
            Some(priority) => object.int("priority", priority),
            None => object.raw("priority", "null"),
        }
        match self.redelivered {
            Some(redelivered) => object.bool("redelivered", redelivered),
            None => object.raw("redelivered", "null"),
        }
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
        let captured: [&[u8]; 3] = [
            include_bytes!("../../../fixtures/control/reply/active.json"),
            include_bytes!("../../../fixtures/control/reply/active_safe.json"),
            include_bytes!("../../../fixtures/control/reply/reserved.json"),
        ];
        for body in captured {
            let value = value_of(body);
            let tasks = TaskInfo::decode_list(&value).unwrap();
            assert!(!tasks.is_empty());
            assert_eq!(TaskInfo::encode_list(&tasks), value);
        }
    }

    #[test]
    fn captured_fields() {
        let read = |body| TaskInfo::decode_list(&value_of(body)).unwrap().remove(0);
        let active = read(include_bytes!("../../../fixtures/control/reply/active.json"));
        assert_eq!((&*active.name, active.kind.as_deref()), ("capture.wait", Some("capture.wait")));
        assert!(active.time_start.is_some() && active.worker_pid.is_some() && active.rest.is_empty());
        assert_eq!(active.args.parse::<serde_json::Value>().unwrap().as_array().unwrap().len(), 1);
        assert_eq!(active.delivery_info.routing_key.as_deref(), Some("work"));
        assert_eq!(active.delivery_info.redelivered, Some(false));
        let safe = read(include_bytes!("../../../fixtures/control/reply/active_safe.json"));
        assert!(safe.args.starts_with(r#""("#));
        let reserved = read(include_bytes!("../../../fixtures/control/reply/reserved.json"));
        assert_eq!((reserved.time_start, reserved.worker_pid), (None, None));
    }

    #[test]
    fn unknown_fields_and_nan_survive() {
        let value = r#"[{"id": "i", "name": "n", "args": [NaN], "kwargs": {}, "type": null, "hostname": null, "time_start": null, "acknowledged": true, "delivery_info": {"exchange": null, "routing_key": null, "priority": null, "redelivered": null, "x": 1.50}, "worker_pid": null, "more": [1]}]"#;
        let tasks = TaskInfo::decode_list(value).unwrap();
        assert_eq!(tasks[0].args, "[NaN]");
        assert_eq!(TaskInfo::encode_list(&tasks), value);
        assert_eq!(TaskInfo::decode("{}").unwrap_err().to_string(), "task info has no `id`");
    }

    #[test]
    fn a_null_is_written_once() {
        let task = TaskInfo::decode(r#"{"id": "i", "name": "n", "delivery_info": null}"#).unwrap();
        assert!(task.rest.is_empty());
        assert_eq!(TaskInfo::encode_list(&[task]).matches(r#""delivery_info""#).count(), 1);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String, json in r#"[\[\]{}",:NaInfity0-9 ]{0,40}"#) {
            let _ = TaskInfo::decode_list(&text);
            let _ = TaskInfo::decode(&format!(r#"{{"id": "", "name": "", "delivery_info": {json}}}"#));
        }

        #[test]
        fn what_is_encoded_decodes(
            (id, name, kind, hostname) in any::<(String, String, Option<String>, Option<String>)>(),
            time_start in proptest::option::of(0.0..4e9_f64),
            (acknowledged, worker_pid) in any::<(bool, Option<i64>)>(),
            (exchange, priority, redelivered) in any::<(Option<String>, Option<i64>, Option<bool>)>(),
        ) {
            let delivery_info = TaskRoute { exchange, priority, redelivered, ..TaskRoute::default() };
            let (args, kwargs, rest) = ("[1]".to_owned(), "{}".to_owned(), Vec::new());
            let task = TaskInfo {
                id, name, args, kwargs, kind, hostname, time_start, acknowledged, delivery_info,
                worker_pid, rest,
            };
            let tasks = [task];
            prop_assert_eq!(TaskInfo::decode_list(&TaskInfo::encode_list(&tasks)).unwrap(), tasks);
        }
    }
}
