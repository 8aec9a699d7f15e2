//! What is wrong with YAML.

use crate::Error;

/// The name of the serialiser.
pub(super) const NAME: &str = "yaml";

pub(super) fn malformed(reason: impl Into<String>) -> Error {
    Error::Malformed { serializer: NAME, reason: reason.into() }
}
