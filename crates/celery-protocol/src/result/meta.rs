//! A result to be stored.

use super::{Extended, State};
use crate::json::ObjectWriter;

/// What is stored under `celery-task-meta-<id>`
/// (`celery/backends/base.py: Backend._get_result_meta`, `BaseKeyValueStoreBackend._store_result`).
#[derive(Debug, Clone, PartialEq)]
pub struct ResultMeta<'a> {
    /// The id of the task.
    pub task_id: &'a str,
    /// The state.
    pub status: State,
    /// The result as JSON text; of an exception, [`ExceptionInfo::encode`](crate::ExceptionInfo::encode).
    pub result: &'a str,
    /// The traceback as Python prints it.
    pub traceback: Option<&'a str>,
    /// What the task sent, as JSON text: an array of [`ResultTree`](crate::result::ResultTree), or null.
    /// `None` is an empty array.
    pub children: Option<&'a str>,
    /// When it was done: ISO 8601 with offset. Celery has none unless the state is ready.
    pub date_done: Option<&'a str>,
    /// The id of the group. The field is left out when there is none, or an empty one.
    pub group_id: Option<&'a str>,
    /// The id of the task that sent this one. The field is left out when there is none, or an empty one.
    pub parent_id: Option<&'a str>,
    /// What `result_extended` adds.
    pub extended: Option<Extended<'a>>,
}

impl<'a> ResultMeta<'a> {
    /// A result with neither traceback, children, date nor relatives.
    pub fn new(task_id: &'a str, status: State, result: &'a str) -> Self {
        Self {
            task_id,
            status,
            result,
            traceback: None,
            children: None,
            date_done: None,
            group_id: None,
            parent_id: None,
            extended: None,
        }
    }

    /// The bytes that Celery would store.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.result.len() + self.traceback.map_or(0, str::len) + 512);
        let mut object = ObjectWriter::new(&mut out);
        object.str("status", self.status.as_str());
        object.raw("result", self.result);
        object.opt_str("traceback", self.traceback);
        object.raw("children", self.children.unwrap_or("[]"));
        object.opt_str("date_done", self.date_done);
        for (key, id) in [("group_id", self.group_id), ("parent_id", self.parent_id)] {
            if let Some(id) = id.filter(|id| !id.is_empty()) {
                object.str(key, id);
            }
        }
        if let Some(extended) = &self.extended {
            extended.write(&mut object);
        }
        object.str("task_id", self.task_id);
        object.end();
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{StoredMeta, json::RawJson};

    macro_rules! captured {
        ($folder:literal: $($name:literal),+) => {
            [$(include_bytes!(concat!("../../fixtures/result/", $folder, "/", $name, ".json")).as_slice()),+]
        };
    }

    #[test]
    fn captured_results_come_back_byte_for_byte() {
        let plain = captured!("plain": "success", "nan", "typed", "children", "group", "stamped", "failure",
            "failure_nested", "retry_retry", "retry_failure", "soft_time_limit", "time_limit", "expired",
            "not_registered", "revoked", "terminated");
        let extended = captured!("extended": "success", "nan", "typed", "children", "group", "stamped", "failure",
            "failure_nested", "retry_started", "retry_retry", "retry_failure", "soft_time_limit", "time_limit",
            "expired", "not_registered", "revoked", "terminated");
        for raw in plain.into_iter().chain(extended) {
            let stored = StoredMeta::decode(raw).unwrap();
            let encoded = stored.as_meta().encode();
            assert_eq!(String::from_utf8(encoded).unwrap(), std::str::from_utf8(raw).unwrap());
        }
    }

    #[test]
    fn relatives_are_left_out_when_empty() {
        let meta = ResultMeta { group_id: Some(""), ..ResultMeta::new("i", State::Success, "1") };
        let expected = r#"{"status": "SUCCESS", "result": 1, "traceback": null, "children": [], "date_done": null, "task_id": "i"}"#;
        assert_eq!(String::from_utf8(meta.encode()).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(
            task_id: String, result: i64, traceback: Option<String>, date_done: Option<String>,
            parent_id in proptest::option::of(".+"), name: Option<String>, retries: Option<u32>, stamp: u8,
        ) {
            let result = result.to_string();
            let names = ["a stamp".to_owned()];
            let stamps = [("a stamp".to_owned(), RawJson::new(stamp.to_string()).unwrap())];
            let meta = ResultMeta {
                traceback: traceback.as_deref(), children: Some("[[[1, null], null]]"), date_done: date_done.as_deref(),
                parent_id: parent_id.as_deref(),
                extended: Some(Extended {
                    name: name.as_deref(), retries, args: Some("[1]"), stamped_headers: Some(&names), stamps: &stamps,
                    ..Extended::default()
                }),
                ..ResultMeta::new(&task_id, State::Failure, &result)
            };
            let stored = StoredMeta::decode(&meta.encode()).unwrap();
            prop_assert_eq!(stored.as_meta(), meta);
        }
    }
}
