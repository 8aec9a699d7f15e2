//! A saved group.

use super::{ResultTree, decode_payload, encode_payload};
use crate::{Error, Value, serializer::Serializer};

const OBJECT: &str = "saved group";

/// What is stored under `celery-taskset-meta-<id>`: `{"result": …}`
/// (`celery/backends/base.py: BaseKeyValueStoreBackend._save_group`, `_restore_group`).
///
/// `GroupResult.save` stores it, and a chord does whose header holds groups (`celery/backends/redis.py:
/// apply_chord`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedGroup {
    /// The group.
    pub result: ResultTree,
}

impl SavedGroup {
    /// The bytes that Celery would store with the default serialiser and no compression.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(br#"{"result": "#);
        self.result.write(&mut out);
        out.push(b'}');
        out
    }

    /// The bytes that Celery would store with `result_serializer` and `result_compression`.
    ///
    /// # Errors
    ///
    /// Those of [`Serializer::encode`] and [`compress_result`](super::compress_result).
    pub fn encode_as(&self, serializer: Serializer, compression: Option<&str>) -> Result<Vec<u8>, Error> {
        encode_payload(&self.to_value(), serializer, compression)
    }

    /// Reads a saved group, compressed or not, in the serialiser of `result_serializer`.
    ///
    /// Memory: at most 96 bytes allocated for each byte read, of JSON.
    ///
    /// # Errors
    ///
    /// Those of [`decode_payload`] and [`SavedGroup::from_value`].
    pub fn decode(payload: &[u8], serializer: Serializer) -> Result<Self, Error> {
        Self::from_value(&decode_payload(payload, serializer)?)
    }

    /// The saved group for any serialiser.
    pub fn to_value(&self) -> Value {
        Value::Map(vec![("result".into(), self.result.to_value())])
    }

    /// Reads a saved group in whichever serialiser it came.
    ///
    /// # Errors
    ///
    /// [`Error::MissingField`] without `result`, and those of [`ResultTree::from_value`].
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        let result = value.get("result").ok_or(Error::MissingField { object: OBJECT, field: "result" })?;
        Ok(Self { result: ResultTree::from_value(result)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::result::corpus;

    #[test]
    fn a_captured_group_comes_back_byte_for_byte() {
        let captured = corpus::payload("group", "nested");
        let saved = SavedGroup::decode(&captured, Serializer::Json).unwrap();
        let inner = ResultTree::group("inner", vec![ResultTree::task("one")]);
        let two = ResultTree::task("two").with_parent(ResultTree::task("zero"));
        let group = ResultTree::group("the-group", vec![inner, two]).with_parent(ResultTree::task("up"));
        assert_eq!(saved, SavedGroup { result: group });
        assert_eq!(saved.result.task_ids(), ["one", "two"]);
        assert_eq!(saved.encode(), captured);
        assert_eq!(saved.encode_as(Serializer::Json, None).unwrap(), captured);
    }

    #[test]
    fn a_compressed_one_is_read() {
        let saved = SavedGroup { result: ResultTree::group("g", vec![]) };
        let payload = saved.encode_as(Serializer::Json, Some("gzip")).unwrap();
        assert!(payload.starts_with(b"\0celery-compressed\0application/x-gzip\0"));
        assert_eq!(SavedGroup::decode(&payload, Serializer::Json).unwrap(), saved);
    }

    #[test]
    fn others_are_refused() {
        let said = |payload| SavedGroup::decode(payload, Serializer::Json).unwrap_err().to_string();
        assert_eq!(said(b"{}"), "saved group has no `result`");
        assert_eq!(said(b"[]"), "saved group has no `result`");
        assert!(said(b"{").starts_with("json cannot be decoded"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(payload: Vec<u8>) {
            let _ = SavedGroup::decode(&payload, Serializer::Json);
        }
    }
}
