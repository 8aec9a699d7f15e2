//! A result that was stored.

use serde::de::DeserializeOwned;

use super::{Extended, ResultMeta, State, decompress_result};
use crate::{
    Error, MAX_MESSAGE_SIZE,
    json::{Fields, Finite, LossyString, RawJson, read_lenient},
    limits::check_size,
};

const OBJECT: &str = "result";

/// What a result has of its own. A stamp of such a name takes its place (`celery/backends/base.py:
/// Backend._get_result_meta` updates one dict with the other), so it is read as the field.
const FIELDS: [&str; 15] = [
    "status",
    "result",
    "traceback",
    "children",
    "date_done",
    "group_id",
    "parent_id",
    "name",
    "args",
    "kwargs",
    "worker",
    "retries",
    "queue",
    "stamped_headers",
    "task_id",
];

/// The names of stamps that are none of the fields.
pub(super) fn stamps_of(names: Option<&[String]>) -> impl Iterator<Item = &String> {
    names.into_iter().flatten().filter(|name| !FIELDS.contains(&name.as_str()))
}

/// What was read from `celery-task-meta-<id>`: [`ResultMeta`], owned.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredMeta {
    /// The id of the task.
    pub task_id: String,
    /// The state.
    pub status: State,
    /// The result as JSON text, which may hold `NaN` and `Infinity`. For an exception, see
    /// [`ExceptionInfo::decode`](crate::ExceptionInfo::decode).
    pub result: String,
    /// The traceback as Python prints it.
    pub traceback: Option<String>,
    /// What the task sent, as JSON text: an array, or null where Celery knew of no request. See
    /// [`ResultTree::decode_list`](super::ResultTree::decode_list).
    pub children: Option<String>,
    /// When it was done: ISO 8601.
    pub date_done: Option<String>,
    /// The id of the group.
    pub group_id: Option<String>,
    /// The id of the task that sent this one.
    pub parent_id: Option<String>,
    /// What `result_extended` added.
    pub extended: Option<StoredExtended>,
}

/// [`Extended`], owned.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredExtended {
    /// The name of the task.
    pub name: Option<String>,
    /// The positional arguments as JSON text.
    pub args: Option<String>,
    /// The keyword arguments as JSON text.
    pub kwargs: Option<String>,
    /// The node name of the worker.
    pub worker: Option<String>,
    /// How many times the task was retried.
    pub retries: Option<u32>,
    /// The routing key the message came with.
    pub queue: Option<String>,
    /// The names of the stamps.
    pub stamped_headers: Option<Vec<String>>,
    /// The stamps, each a JSON value.
    pub stamps: Vec<(String, RawJson)>,
}

impl StoredMeta {
    /// Reads a stored result, compressed or not, of up to [`MAX_MESSAGE_SIZE`] bytes.
    ///
    /// Memory: at most 48 bytes allocated for each byte read once decompressed.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] and [`Error::Utf8`] for anything that is no result, [`Error::MissingField`] without
    /// `status` or `task_id`, and those of [`decompress_result`].
    pub fn decode(payload: &[u8]) -> Result<Self, Error> {
        check_size(OBJECT, payload.len(), MAX_MESSAGE_SIZE)?;
        let json = decompress_result(payload, MAX_MESSAGE_SIZE)?;
        let text = std::str::from_utf8(&json).map_err(|source| Error::Utf8 { object: OBJECT, source })?;
        read_lenient(OBJECT, text, |text| Self::read(text))
    }

    fn read(text: &Finite<'_>) -> Result<Self, Error> {
        let fields: Fields<'_> = serde_json::from_str(text.masked()).map_err(Error::json(OBJECT))?;
        let raw = |key| fields.get_some(key).map(|slice| text.original_of(slice).to_owned());
        let status: String = required(&fields, "status")?;
        let extended = match fields.get("name") {
            None => None,
            Some(_) => {
                let stamped_headers: Option<Vec<String>> = optional(&fields, "stamped_headers")?;
                let mut stamps = Vec::new();
                for name in stamps_of(stamped_headers.as_deref()) {
                    if let Some(json) = fields.get(name) {
                        let json = RawJson::new(text.original_of(json)).map_err(Error::json(OBJECT))?;
                        stamps.push((name.clone(), json));
                    }
                }
                Some(StoredExtended {
                    name: optional(&fields, "name")?,
                    args: raw("args"),
                    kwargs: raw("kwargs"),
                    worker: optional(&fields, "worker")?,
                    retries: raw("retries")
                        .map(|json| serde_json::from_str(&json).map_err(Error::json(OBJECT)))
                        .transpose()?,
                    queue: optional(&fields, "queue")?,
                    stamped_headers,
                    stamps,
                })
            }
        };
        Ok(Self {
            task_id: required(&fields, "task_id")?,
            status: State::from(&*status),
            result: raw("result").unwrap_or_else(|| "null".to_owned()),
            traceback: optional::<LossyString>(&fields, "traceback")?.map(|text| text.0),
            children: fields.get("children").map(|slice| text.original_of(slice).to_owned()),
            date_done: optional(&fields, "date_done")?,
            group_id: optional(&fields, "group_id")?,
            parent_id: optional(&fields, "parent_id")?,
            extended,
        })
    }

    /// The same result to be stored again.
    pub fn as_meta(&self) -> ResultMeta<'_> {
        ResultMeta {
            task_id: &self.task_id,
            status: self.status.clone(),
            result: &self.result,
            traceback: self.traceback.as_deref(),
            children: self.children.as_deref(),
            date_done: self.date_done.as_deref(),
            group_id: self.group_id.as_deref(),
            parent_id: self.parent_id.as_deref(),
            extended: self.extended.as_ref().map(|extended| Extended {
                name: extended.name.as_deref(),
                args: extended.args.as_deref(),
                kwargs: extended.kwargs.as_deref(),
                worker: extended.worker.as_deref(),
                retries: extended.retries,
                queue: extended.queue.as_deref(),
                stamped_headers: extended.stamped_headers.as_deref(),
                stamps: &extended.stamps,
            }),
        }
    }
}

fn optional<T: DeserializeOwned>(fields: &Fields<'_>, key: &'static str) -> Result<Option<T>, Error> {
    fields.get_some(key).map(|json| serde_json::from_str(json).map_err(Error::json(OBJECT))).transpose()
}

fn required<T: DeserializeOwned>(fields: &Fields<'_>, field: &'static str) -> Result<T, Error> {
    optional(fields, field)?.ok_or(Error::MissingField { object: OBJECT, field })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_captured_extended_result_is_read() {
        let meta = StoredMeta::decode(include_bytes!("../../fixtures/result/extended/stamped.json")).unwrap();
        assert_eq!((&*meta.task_id, &*meta.result), ("id-extended-stamped", "3"));
        assert!(meta.date_done.unwrap().ends_with("+00:00"));
        let extended = meta.extended.unwrap();
        assert_eq!(extended.worker.as_deref(), Some("extended@example"));
        assert_eq!((extended.args.as_deref(), extended.retries), (Some("[1, 2]"), Some(0)));
        assert_eq!(extended.stamps, [("tenant".to_owned(), RawJson::new(r#"["a"]"#).unwrap())]);
    }

    #[test]
    fn captured_relatives_are_read() {
        let group = StoredMeta::decode(include_bytes!("../../fixtures/result/plain/group.json")).unwrap();
        assert_eq!(
            (group.group_id.as_deref(), group.parent_id.as_deref()),
            (Some("the-group"), Some("the-parent"))
        );
        let parent = StoredMeta::decode(include_bytes!("../../fixtures/result/plain/children.json")).unwrap();
        assert_eq!(parent.children.as_deref(), Some(r#"[[["child-of-parent", null], null]]"#));
    }

    #[test]
    fn a_float_that_is_no_json_is_kept() {
        let meta = StoredMeta::decode(include_bytes!("../../fixtures/result/plain/nan.json")).unwrap();
        assert_eq!(meta.result, "NaN");
    }

    #[test]
    fn a_float_that_is_no_json_is_never_another_number() {
        for field in [r#""retries": NaN"#, r#""stamped_headers": ["s"], "s": NaN"#] {
            let text = format!(r#"{{"status": "SUCCESS", "task_id": "i", "name": "t", {field}}}"#);
            assert!(matches!(StoredMeta::decode(text.as_bytes()), Err(Error::Json { .. })), "{text}");
        }
    }

    #[test]
    fn a_stamp_with_the_name_of_a_field_is_the_field() {
        let text = br#"{"status": "SUCCESS", "children": [], "task_id": "i", "name": "t", "stamped_headers": ["kwargs", "s"], "kwargs": 1, "s": 2}"#;
        let meta = StoredMeta::decode(text).unwrap();
        let written = meta.as_meta().encode();
        assert_eq!(StoredMeta::decode(&written).unwrap().as_meta().encode(), written);
        assert_eq!(StoredMeta::from_value(&meta.as_meta().to_value().unwrap()).unwrap(), meta);
        let extended = meta.extended.unwrap();
        assert_eq!(extended.kwargs.as_deref(), Some("1"));
        assert_eq!(extended.stamps, [("s".to_owned(), RawJson::new("2").unwrap())]);
    }

    #[test]
    fn incomplete_results_are_refused() {
        let said = |text: &str| StoredMeta::decode(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(said(r#"{"task_id": "i"}"#), "result has no `status`");
        assert_eq!(said(r#"{"status": "SUCCESS"}"#), "result has no `task_id`");
        assert!(said("[]").starts_with("result cannot be decoded"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(payload: Vec<u8>, text in r#"[\[\]{}",:NaInfitystausd_0-9 ]{0,60}"#) {
            let _ = StoredMeta::decode(&payload);
            let _ = StoredMeta::decode(text.as_bytes());
        }
    }
}
