//! `rate_limit` and `time_limit`.

use crate::{
    Error,
    event::{Number, Reader},
    json::ObjectWriter,
};

/// `rate_limit`: how often the tasks of one name may start (`celery/app/control.py: Control.rate_limit`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// The name of the task.
    pub task_name: String,
    /// The limit. Nothing, zero or an empty text lifts it.
    pub rate_limit: Option<RateLimitValue>,
}

/// A rate (`celery/utils/time.py: rate`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateLimitValue {
    /// Tasks per second.
    PerSecond(Number),
    /// `10/s`, `10/m`, `10/h`.
    Text(String),
}

/// `time_limit`: how long the tasks of one name may run (`Control.time_limit`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeLimit {
    /// The name of the task.
    pub task_name: String,
    /// The hard limit in seconds. Nothing lifts it.
    pub hard: Option<Number>,
    /// The soft limit in seconds. Nothing lifts it.
    pub soft: Option<Number>,
}

impl RateLimit {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("task_name", &self.task_name);
        match &self.rate_limit {
            Some(RateLimitValue::PerSecond(number)) => number.write(object.key("rate_limit")),
            Some(RateLimitValue::Text(text)) => object.str("rate_limit", text),
            None => object.raw("rate_limit", "null"),
        }
    }

    pub(super) fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        const RATE: &str = "a number, or text as `10/m`";
        Ok(Self {
            task_name: fields.required("task_name", "the name of a task")?,
            rate_limit: match fields.raw("rate_limit") {
                None => return Err(fields.missing("rate_limit")),
                Some(json) if json.starts_with('"') => {
                    fields.nullable("rate_limit", RATE)?.map(RateLimitValue::Text)
                }
                Some(_) => fields.nullable("rate_limit", RATE)?.map(RateLimitValue::PerSecond),
            },
        })
    }
}

impl TimeLimit {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("task_name", &self.task_name);
        for (key, limit) in [("hard", self.hard), ("soft", self.soft)] {
            match limit {
                Some(seconds) => seconds.write(object.key(key)),
                None => object.raw(key, "null"),
            }
        }
    }

    pub(super) fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        Ok(Self {
            task_name: fields.required("task_name", "the name of a task")?,
            hard: fields.nullable("hard", "seconds")?,
            soft: fields.nullable("soft", "seconds")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Command, ControlRequest};

    fn captured(raw: &[u8]) -> Command {
        ControlRequest::decode_body(raw).unwrap().command().unwrap()
    }

    #[test]
    fn captured_rates() {
        let rate = |value| {
            Command::RateLimit(RateLimit { task_name: "capture.add".to_owned(), rate_limit: Some(value) })
        };
        let text = captured(include_bytes!("../../../fixtures/control/request/rate_limit.json"));
        assert_eq!(text, rate(RateLimitValue::Text("10/m".to_owned())));
        let number = captured(include_bytes!("../../../fixtures/control/request/rate_limit_number.json"));
        assert_eq!(number, rate(RateLimitValue::PerSecond(0.into())));
    }

    #[test]
    fn captured_limits() {
        let command = captured(include_bytes!("../../../fixtures/control/request/time_limit.json"));
        let task_name = "capture.add".to_owned();
        let expected = TimeLimit { task_name, hard: Some(30.into()), soft: Some(12.5.into()) };
        assert_eq!(command, Command::TimeLimit(expected));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let said =
            |method: &str, arguments: &str| Command::decode(method, arguments).unwrap_err().to_string();
        assert_eq!(said("rate_limit", r#"{"task_name": "a"}"#), "rate_limit has no `rate_limit`");
        assert_eq!(
            said("rate_limit", r#"{"task_name": "a", "rate_limit": []}"#),
            "rate_limit: `rate_limit` must be a number, or text as `10/m`"
        );
        assert_eq!(said("time_limit", r#"{"soft": 1}"#), "time_limit has no `task_name`");
        assert_eq!(
            said("time_limit", r#"{"task_name": "a", "soft": "1"}"#),
            "time_limit: `soft` must be seconds"
        );
    }
}
