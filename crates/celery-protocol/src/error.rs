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
    /// The text is no JSON.
    #[error("{object} cannot be decoded: expected {expected} at byte {at}")]
    Syntax {
        /// The wire object.
        object: &'static str,
        /// What would have been right there.
        expected: &'static str,
        /// The place in the text, in bytes from its start.
        at: usize,
    },
    /// A serialiser that this build does not hold, or that only Python can read.
    #[error("content type `{content_type}` cannot be read here{hint}")]
    UnsupportedSerializer {
        /// The content type.
        content_type: String,
        /// What would help: empty, or a sentence that begins with `: `.
        hint: &'static str,
    },
    /// A value that the serialiser has no form for.
    #[error("{serializer} has no form for {value}")]
    NotSerializable {
        /// The name of the serialiser: `json`, `msgpack`, `yaml`.
        serializer: &'static str,
        /// The kind of the value.
        value: &'static str,
    },
    /// A composition of tasks that means nothing.
    #[error("{0}")]
    Canvas(String),
    /// The bytes are not in the form of their serialiser (msgpack, YAML), or hold what has no form here.
    #[error("{serializer} cannot be decoded: {reason}")]
    Malformed {
        /// The name of the serialiser: `msgpack`, `yaml`.
        serializer: &'static str,
        /// What is wrong, and where.
        reason: String,
    },
    /// A value is not what a Rust type wants, or a Rust value has no Python form.
    #[error("{0}")]
    Convert(String),
    /// The bytes should be UTF-8 text and are not.
    #[error("{object} is not UTF-8: {source}")]
    Utf8 {
        /// The wire object.
        object: &'static str,
        /// Where the text ends.
        source: std::str::Utf8Error,
    },
    /// The text should be base64 and is not.
    #[error("{object} is not base64: {source}")]
    Base64 {
        /// The wire object.
        object: &'static str,
        /// Where the text ends.
        source: base64::DecodeError,
    },
    /// A field without which the object means nothing is absent or null.
    #[error("{object} has no `{field}`")]
    MissingField {
        /// The wire object.
        object: &'static str,
        /// The name of the field on the wire.
        field: &'static str,
    },
    /// A field has a value that no producer may write.
    #[error("{object}: `{field}` must be {expected}")]
    InvalidField {
        /// The wire object.
        object: &'static str,
        /// The name of the field on the wire.
        field: &'static str,
        /// What would have been right.
        expected: &'static str,
    },
    /// The object is larger than allowed.
    #[error("{object} of {size} bytes is over the limit of {limit} bytes")]
    TooLarge {
        /// The wire object.
        object: &'static str,
        /// Its size in bytes; of a compressed object, how much came out before it was given up.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The object nests deeper than allowed.
    #[error("{object} nests deeper than {limit} levels")]
    TooDeep {
        /// The wire object.
        object: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The content is compressed by a method that is not built in.
    #[error("compression `{content_type}` is not supported{hint}")]
    UnsupportedCompression {
        /// The content type of the method, as kombu names it.
        content_type: String,
        /// What would help: empty, or a sentence that begins with `: `.
        hint: &'static str,
    },
    /// The compressed bytes are damaged.
    #[error("compression `{content_type}` failed: {source}")]
    Compression {
        /// The content type of the method.
        content_type: &'static str,
        /// What the codec said.
        source: std::io::Error,
    },
    /// A typed value (`{"__type__": …, "__value__": …}`) of a type that kombu does not define.
    #[error("typed value of unknown type `{name}`")]
    UnknownType {
        /// What `__type__` said.
        name: String,
    },
}

impl Error {
    /// Wraps what the JSON parser said about `object`.
    pub(crate) fn json(object: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Json { object, source }
    }
}
