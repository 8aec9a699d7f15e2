//! The serialisers of task bodies, by content type.

/// A serialiser that kombu registers (`kombu/serialization.py`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Serializer {
    /// JSON with kombu's typed values.
    Json,
    /// MessagePack, `use_bin_type=True`.
    Msgpack,
    /// YAML.
    Yaml,
    /// Python's pickle: opaque outside Python.
    Pickle,
    /// Bytes as they are. Celery's signed messages (`auth`) carry the same content type.
    Binary,
    /// Text as it is.
    Text,
}

impl Serializer {
    /// Every serialiser.
    pub const ALL: [Self; 6] =
        [Self::Json, Self::Msgpack, Self::Yaml, Self::Pickle, Self::Binary, Self::Text];

    /// The content type on the wire.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Msgpack => "application/x-msgpack",
            Self::Yaml => "application/x-yaml",
            Self::Pickle => "application/x-python-serialize",
            Self::Binary => "application/data",
            Self::Text => "text/plain",
        }
    }

    /// The content encoding on the wire: `utf-8` for text, `binary` for bytes.
    pub fn content_encoding(self) -> &'static str {
        match self {
            Self::Json | Self::Yaml | Self::Text => "utf-8",
            Self::Msgpack | Self::Pickle | Self::Binary => "binary",
        }
    }

    /// The name that `task_serializer` and `accept_content` use; none for text, which has no name in kombu.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("json"),
            Self::Msgpack => Some("msgpack"),
            Self::Yaml => Some("yaml"),
            Self::Pickle => Some("pickle"),
            Self::Binary => Some("raw"),
            Self::Text => None,
        }
    }

    /// The serialiser of a content type. An empty one means bytes (`kombu/serialization.py: loads`).
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        if content_type.is_empty() {
            return Some(Self::Binary);
        }
        Self::ALL.into_iter().find(|serializer| serializer.content_type() == content_type)
    }

    /// The serialiser of a name or a content type, as `accept_content` allows both.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|serializer| serializer.name() == Some(name) || serializer.content_type() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    #[test]
    fn content_types_and_names_lead_back() {
        for serializer in Serializer::ALL {
            assert_eq!(Serializer::from_content_type(serializer.content_type()), Some(serializer));
            assert_eq!(Serializer::from_name(serializer.content_type()), Some(serializer));
            if let Some(name) = serializer.name() {
                assert_eq!(Serializer::from_name(name), Some(serializer));
            }
        }
        assert_eq!(Serializer::from_name("xml"), None);
    }

    #[test]
    fn captured_messages_name_theirs() {
        let cases = [
            (include_bytes!("../fixtures/envelope/task.json").as_slice(), Serializer::Json),
            (include_bytes!("../fixtures/envelope/binary_body.json"), Serializer::Binary),
        ];
        for (raw, expected) in cases {
            let message = Message::from_envelope(raw).unwrap();
            let serializer = Serializer::from_content_type(&message.content_type).unwrap();
            assert_eq!(serializer, expected);
            assert_eq!(message.content_encoding, serializer.content_encoding());
        }
    }
}
