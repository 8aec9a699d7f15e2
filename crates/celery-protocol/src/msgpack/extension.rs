//! Extension types.

/// The name of the serialiser.
pub(super) const NAME: &str = "msgpack";

/// The type of a timestamp.
pub(super) const TIMESTAMP: i8 = -1;

/// Whether Python's module has a form for an extension: its `ExtType` takes types from 0, and its `Timestamp` three
/// lengths (`msgpack/ext.py`).
pub(super) fn is_extension(code: i8, len: usize) -> bool {
    code >= 0 || (code == TIMESTAMP && matches!(len, 4 | 8 | 12))
}
