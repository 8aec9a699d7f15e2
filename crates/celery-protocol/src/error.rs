//! What can be wrong with bytes from the wire.

/// An error of the protocol.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no JSON, or not of the shape of the object.
    #[error("{object} cannot be decoded: {source}")]
    Json {
        /// The wire object: "envelope", "task headers" …
        object: &'static str,
        /// What the JSON parser said, with line and column.
        source: serde_json::Error,
    },
}
