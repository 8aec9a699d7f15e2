//! What became of a task.

use celery_protocol::{ExceptionInfo, State, StoredMeta, Value};

use crate::{Error, Result, TaskFailure};

/// The value of a stored result; `None` while the task is not done.
pub(crate) fn of(meta: StoredMeta) -> Result<Option<Value>> {
    match meta.status {
        State::Success => Ok(Some(Value::from_json(&meta.result)?)),
        state @ (State::Failure | State::Revoked) => {
            let exception = ExceptionInfo::decode(&meta.result)?;
            Err(Error::Task(Box::new(TaskFailure {
                id: meta.task_id,
                state,
                exception,
                traceback: meta.traceback,
            })))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(status: &str, result: &str) -> StoredMeta {
        let meta =
            format!(r#"{{"status": "{status}", "result": {result}, "traceback": null, "task_id": "i"}}"#);
        StoredMeta::decode(meta.as_bytes()).expect("a meta")
    }

    #[test]
    fn only_what_is_there_to_stay_is_an_outcome() {
        assert_eq!(
            of(stored("SUCCESS", "[1, NaN]")).expect("success").map(|value| value.repr(99)),
            Some("[1, nan]".into())
        );
        assert_eq!(of(stored("STARTED", "{}")).expect("running"), None);
        assert_eq!(of(stored("RETRY", r#"{"exc_type": "E", "exc_message": []}"#)).expect("running"), None);
    }

    #[test]
    fn failures_say_what_was_raised() {
        let failed = of(stored(
            "FAILURE",
            r#"{"exc_type": "KeyError", "exc_message": ["k", 1], "exc_module": "builtins"}"#,
        ));
        assert_eq!(failed.expect_err("a failure").to_string(), r#"task i is FAILURE: KeyError("k", 1)"#);
    }
}
