//! What the common case does not cover.

/// The value is not of the common case: ask kombu.
#[derive(Debug)]
pub(crate) struct Uncommon;
