//! Taking replies apart without copying.

use bytes::Bytes;
use fred::types::Value;

/// The elements of an array; a nil reply has none.
pub(super) fn elements(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        Value::Null => Vec::new(),
        other => vec![other],
    }
}

/// The bytes of a string; `None` for nil.
pub(super) fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::Null => None,
        other => other.into_bytes(),
    }
}

/// The strings of an array.
pub(super) fn strings(values: impl IntoIterator<Item = Value>) -> Vec<String> {
    values.into_iter().filter_map(|value| value.into_string()).collect()
}
