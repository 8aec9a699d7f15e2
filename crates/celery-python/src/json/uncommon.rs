//! What the common case does not cover.

/// The value is not of the common case: ask kombu.
#[derive(Debug)]
pub(crate) struct Uncommon;

impl From<celery_protocol::Error> for Uncommon {
    /// Python's own parser finds the same fault, and says it in Python's words.
    fn from(_: celery_protocol::Error) -> Self {
        Self
    }
}
