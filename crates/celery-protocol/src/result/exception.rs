//! Exceptions as results.

use crate::{
    Error, Value,
    json::{Fields, ObjectWriter, read_lenient, write_seconds, write_string},
};

const OBJECT: &str = "exception";

/// An exception as stored (`celery/backends/base.py: Backend.prepare_exception`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionInfo {
    /// The qualified name of the class: `ValueError`, `Outer.NestedError`.
    pub exc_type: String,
    /// The arguments of the exception as JSON text, in Celery an array: see [`ExceptionInfo::args`].
    pub exc_message: String,
    /// The module of the class. Without one, readers look nowhere and make a class.
    pub exc_module: Option<String>,
}

/// Why a task was revoked: the argument of `TaskRevokedError` (`celery/worker/request.py`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokedReason {
    /// Its `expires` had passed.
    Expired,
    /// It was revoked before it ran.
    Revoked,
    /// It was terminated while it ran.
    Terminated,
}

impl RevokedReason {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Terminated => "terminated",
        }
    }
}

impl ExceptionInfo {
    /// An exception of `exc_module.exc_type` whose only argument is a string.
    pub fn with_message(exc_module: &str, exc_type: &str, message: &str) -> Self {
        let mut text = Vec::with_capacity(message.len() + 4);
        write_string(&mut text, message);
        Self::with_argument(exc_module, exc_type, &text)
    }

    /// The hard time limit of `seconds` was passed. Celery stores it without a traceback
    /// (`celery/worker/request.py: Request.on_timeout`).
    pub fn time_limit_exceeded(seconds: f64) -> Self {
        let mut text = Vec::new();
        write_seconds(&mut text, seconds);
        Self::with_argument("billiard.exceptions", "TimeLimitExceeded", &text)
    }

    /// The soft time limit was passed and the task did not catch it. Celery stores the task's traceback with
    /// it.
    pub fn soft_time_limit_exceeded() -> Self {
        Self::with_argument("billiard.exceptions", "SoftTimeLimitExceeded", b"")
    }

    /// The task was revoked. Celery stores it in the state REVOKED without a traceback
    /// (`celery/worker/request.py: Request._announce_revoked`).
    pub fn task_revoked(reason: RevokedReason) -> Self {
        Self::with_message("celery.exceptions", "TaskRevokedError", reason.as_str())
    }

    /// No task of this name is registered. Celery stores it without a traceback
    /// (`celery/worker/consumer/consumer.py: Consumer.on_unknown_task`).
    pub fn not_registered(name: &str) -> Self {
        Self::with_message("celery.exceptions", "NotRegistered", name)
    }

    /// An exception with one argument, or none when its text is empty. The text is ASCII.
    fn with_argument(exc_module: &str, exc_type: &str, argument: &[u8]) -> Self {
        Self {
            exc_type: exc_type.to_owned(),
            exc_message: format!("[{}]", String::from_utf8_lossy(argument)),
            exc_module: Some(exc_module.to_owned()),
        }
    }

    /// The JSON text for [`ResultMeta::result`](crate::ResultMeta::result).
    pub fn encode(&self) -> String {
        let mut out = Vec::with_capacity(self.exc_message.len() + 96);
        let mut object = ObjectWriter::new(&mut out);
        object.str("exc_type", &self.exc_type);
        object.raw("exc_message", &self.exc_message);
        object.opt_str("exc_module", self.exc_module.as_deref());
        object.end();
        // What is written is ASCII, and the message was text.
        String::from_utf8_lossy(&out).into_owned()
    }

    /// The arguments. An array is all of them, anything else the only one, as when an exception is made again
    /// (`celery/backends/base.py: Backend.exception_to_python`). What had no form in the serialiser is the
    /// text of its `repr` (`celery/utils/serialization.py: ensure_serializable`).
    ///
    /// # Errors
    ///
    /// Those of [`Value::from_json`].
    pub fn args(&self) -> Result<Vec<Value>, Error> {
        Ok(match Value::from_json(&self.exc_message)? {
            Value::List(args) => args,
            other => vec![other],
        })
    }

    /// Reads [`StoredMeta::result`](crate::StoredMeta::result) of a failure
    /// (`celery/backends/base.py: Backend.exception_to_python`).
    ///
    /// Memory: at most 48 bytes allocated for each byte read.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] when it is no object, [`Error::MissingField`] without `exc_type`.
    pub fn decode(text: &str) -> Result<Self, Error> {
        read_lenient(OBJECT, text, |text| {
            let fields: Fields<'_> = serde_json::from_str(text.masked()).map_err(Error::json(OBJECT))?;
            let string = |json| serde_json::from_str::<Option<String>>(json).map_err(Error::json(OBJECT));
            let exc_type = match fields.get("exc_type") {
                Some(json) => string(json)?,
                None => None,
            };
            Ok(Self {
                exc_type: exc_type.ok_or(Error::MissingField { object: OBJECT, field: "exc_type" })?,
                exc_message: fields
                    .get("exc_message")
                    .map_or("\"\"", |slice| text.original_of(slice))
                    .to_owned(),
                exc_module: fields.get("exc_module").map_or(Ok(None), string)?,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{StoredMeta, result::corpus};

    macro_rules! captured {
        ($name:literal) => {
            StoredMeta::decode(include_bytes!(concat!("../../fixtures/result/plain/", $name, ".json")))
                .unwrap()
        };
    }

    #[test]
    fn what_the_worker_raises_is_as_celery_stores_it() {
        let cases = [
            (captured!("time_limit"), ExceptionInfo::time_limit_exceeded(1.0)),
            (captured!("soft_time_limit"), ExceptionInfo::soft_time_limit_exceeded()),
            (captured!("expired"), ExceptionInfo::task_revoked(RevokedReason::Expired)),
            (captured!("revoked"), ExceptionInfo::task_revoked(RevokedReason::Revoked)),
            (captured!("terminated"), ExceptionInfo::task_revoked(RevokedReason::Terminated)),
            (captured!("not_registered"), ExceptionInfo::not_registered("capture.missing")),
        ];
        for (meta, exception) in cases {
            assert_eq!(exception.encode(), meta.result);
            assert_eq!(ExceptionInfo::decode(&meta.result).unwrap(), exception);
            let has_traceback = exception.exc_type == "SoftTimeLimitExceeded";
            assert_eq!(meta.traceback.is_some(), has_traceback, "{}", exception.exc_type);
        }
    }

    #[test]
    fn what_a_task_raises_comes_back_byte_for_byte() {
        for meta in [captured!("failure"), captured!("failure_nested"), captured!("retry_retry")] {
            assert_eq!(ExceptionInfo::decode(&meta.result).unwrap().encode(), meta.result);
        }
        let nested = ExceptionInfo::decode(&captured!("failure_nested").result).unwrap();
        assert_eq!((&*nested.exc_type, nested.exc_module.as_deref()), ("Outer.NestedError", Some("capture")));
    }

    #[test]
    fn arguments_of_every_form() {
        let args = |text: &str| ExceptionInfo::decode(text).unwrap().args().unwrap();
        let nested = corpus::payload("result", "failure");
        let nested = args(&StoredMeta::decode(&nested).unwrap().result);
        assert_eq!(nested[..2], [Value::from("no \u{2013} way"), Value::Int(7)]);
        assert_eq!(nested[2].to_json().unwrap(), r#"["nested", {"a": [1, null]}]"#);
        assert_eq!(args(r#"{"exc_type": "E", "exc_message": "text"}"#), ["text".into()]);
        assert_eq!(args(r#"{"exc_type": "E", "exc_message": []}"#), []);
        assert_eq!(args(r#"{"exc_type": "E"}"#), ["".into()]);
        assert_eq!(args(r#"{"exc_type": "E", "exc_message": null}"#), [Value::Null]);
    }

    #[test]
    fn older_and_incomplete_ones() {
        let old = ExceptionInfo::decode(r#"{"exc_type": "E", "exc_message": NaN}"#).unwrap();
        assert_eq!((&*old.exc_message, old.exc_module), ("NaN", None));
        let error = ExceptionInfo::decode("{}").unwrap_err();
        assert_eq!(error.to_string(), "exception has no `exc_type`");
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(exc_type: String, message: String, module: String) {
            let exception = ExceptionInfo::with_message(&module, &exc_type, &message);
            prop_assert_eq!(ExceptionInfo::decode(&exception.encode()).unwrap(), exception);
        }

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            let _ = ExceptionInfo::decode(&text);
        }
    }
}
