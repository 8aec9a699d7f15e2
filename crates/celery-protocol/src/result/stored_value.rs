//! Stored results in other serialisers than JSON (`result_serializer`).

use serde::de::DeserializeOwned;

use super::{
    ResultMeta, State, StoredExtended, StoredMeta, decode_payload, encode_payload, stored::stamps_of,
};
use crate::{Error, Value, from_value, json::RawJson, serializer::Serializer};

const OBJECT: &str = "result";

impl StoredMeta {
    /// Reads a stored result in the serialiser of `result_serializer`, compressed or not.
    ///
    /// Results, arguments and children become JSON text as kombu would write them: dates of YAML become typed
    /// values, and keys that are no strings become strings. Where that matters, [`decode_payload`] gives the
    /// values as they are.
    ///
    /// # Errors
    ///
    /// Those of [`StoredMeta::decode`], [`decode_payload`] and [`StoredMeta::from_value`].
    pub fn decode_as(payload: &[u8], serializer: Serializer) -> Result<Self, Error> {
        match serializer {
            Serializer::Json => Self::decode(payload),
            other => Self::from_value(&decode_payload(payload, other)?),
        }
    }

    /// Reads a stored result in whichever serialiser it came.
    ///
    /// # Errors
    ///
    /// [`Error::MissingField`] without `status` or `task_id`, [`Error::Convert`] for a field of the wrong
    /// type, and [`Error::NotSerializable`] for what JSON has no form for.
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        let status: String = required(value, "status")?;
        let extended = match value.get("name") {
            None => None,
            Some(_) => Some(extended(value)?),
        };
        Ok(Self {
            task_id: required(value, "task_id")?,
            status: State::from(&*status),
            result: json(value, "result")?.unwrap_or_else(|| "null".to_owned()),
            traceback: optional(value, "traceback")?,
            children: json(value, "children")?,
            date_done: optional(value, "date_done")?,
            group_id: optional(value, "group_id")?,
            parent_id: optional(value, "parent_id")?,
            extended,
        })
    }
}

impl ResultMeta<'_> {
    /// The bytes that Celery would store with `result_serializer` and `result_compression`.
    ///
    /// # Errors
    ///
    /// Those of [`ResultMeta::to_value`] and [`encode_payload`].
    pub fn encode_as(&self, serializer: Serializer, compression: Option<&str>) -> Result<Vec<u8>, Error> {
        match (serializer, compression) {
            (Serializer::Json, None) => Ok(self.encode()),
            (Serializer::Json, Some(method)) => super::compress_result(&self.encode(), method),
            (other, _) => encode_payload(&self.to_value()?, other, compression),
        }
    }

    /// The result for any serialiser.
    ///
    /// # Errors
    ///
    /// Those of [`Value::from_json`] for what is JSON text.
    pub fn to_value(&self) -> Result<Value, Error> {
        let text = String::from_utf8(self.encode())
            .map_err(|error| Error::Utf8 { object: OBJECT, source: error.utf8_error() })?;
        Value::from_json(&text)
    }
}

fn extended(value: &Value) -> Result<StoredExtended, Error> {
    let some = |key| Ok(json(value, key)?.filter(|text| text != "null"));
    let stamped_headers: Option<Vec<String>> = optional(value, "stamped_headers")?;
    let mut stamps = Vec::new();
    for name in stamps_of(stamped_headers.as_deref()) {
        if let Some(stamp) = value.get(name) {
            stamps.push((name.clone(), RawJson::new(stamp.to_json()?).map_err(Error::json(OBJECT))?));
        }
    }
    Ok(StoredExtended {
        name: optional(value, "name")?,
        args: some("args")?,
        kwargs: some("kwargs")?,
        worker: optional(value, "worker")?,
        retries: optional(value, "retries")?,
        queue: optional(value, "queue")?,
        stamped_headers,
        stamps,
    })
}

/// The JSON text of a field that is there.
fn json(value: &Value, key: &str) -> Result<Option<String>, Error> {
    value.get(key).map(Value::to_json).transpose()
}

fn optional<T: DeserializeOwned>(value: &Value, key: &str) -> Result<Option<T>, Error> {
    value.get(key).cloned().map_or(Ok(None), from_value)
}

fn required<T: DeserializeOwned>(value: &Value, field: &'static str) -> Result<T, Error> {
    optional(value, field)?.ok_or(Error::MissingField { object: OBJECT, field })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::result::corpus;

    #[test]
    fn captured_results_are_the_same_by_way_of_values() {
        for case in
            ["success", "typed", "no_request", "children", "relatives", "stamped", "failure", "revoked"]
        {
            let captured = corpus::payload("result", case);
            let value = Value::from_json(std::str::from_utf8(&captured).unwrap()).unwrap();
            let stored = StoredMeta::decode(&captured).unwrap();
            assert_eq!(StoredMeta::from_value(&value).unwrap(), stored, "{case}");
            let again = stored.as_meta().to_value().unwrap();
            assert_eq!(again.to_json().unwrap().into_bytes(), captured, "{case}");
            assert_eq!(stored.as_meta().encode_as(Serializer::Json, None).unwrap(), captured, "{case}");
        }
    }

    #[test]
    fn a_compressed_one_comes_back() {
        let meta = ResultMeta::new("i", State::Success, "[NaN]");
        let payload = meta.encode_as(Serializer::Json, Some("zlib")).unwrap();
        let stored = StoredMeta::decode_as(&payload, Serializer::Json).unwrap();
        assert_eq!((&*stored.task_id, &*stored.result), ("i", "[NaN]"));
    }

    #[test]
    fn incomplete_and_wrong_ones_are_refused() {
        let said = |text| StoredMeta::from_value(&Value::from_json(text).unwrap()).unwrap_err().to_string();
        assert_eq!(said(r#"{"task_id": "i"}"#), "result has no `status`");
        assert_eq!(said(r#"{"status": "SUCCESS"}"#), "result has no `task_id`");
        assert_eq!(said("[]"), "result has no `status`");
        assert!(said(r#"{"status": "SUCCESS", "task_id": "i", "traceback": []}"#).contains("string"));
        let odd = Value::Map(vec![
            ("status".into(), "SUCCESS".into()),
            ("task_id".into(), "i".into()),
            ("result".into(), Value::Extension(1, [].into())),
        ]);
        assert!(matches!(StoredMeta::from_value(&odd), Err(Error::NotSerializable { .. })));
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(task_id: String, traceback: Option<String>, retries: Option<u32>) {
            let extended = super::super::Extended { retries, ..Default::default() };
            let meta = ResultMeta {
                traceback: traceback.as_deref(), extended: Some(extended), children: Some("[]"),
                ..ResultMeta::new(&task_id, State::Retry, "1")
            };
            let stored = StoredMeta::from_value(&meta.to_value().unwrap()).unwrap();
            prop_assert_eq!(stored.as_meta(), meta);
        }
    }
}
