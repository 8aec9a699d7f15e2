//! Taking replies apart without copying.

use bytes::Bytes;
use fred::types::Value;

/// The bytes of a string; `None` for nil.
pub(super) fn bytes(value: Value) -> Option<Bytes> {
    if value.is_null() { None } else { value.into_bytes() }
}
