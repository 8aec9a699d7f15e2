//! The serialisers that kombu knows.

use crate::Error;

/// A serialiser that kombu registers (`kombu/serialization.py`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Serializer {
    /// JSON with kombu's typed values.
    Json,
    /// MessagePack, `use_bin_type=True`; with the feature `msgpack`.
    Msgpack,
    /// YAML, what `safe_load` reads; with the feature `yaml`.
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

    /// As [`Serializer::from_name`], but says why there is none.
    ///
    /// # Errors
    ///
    /// [`Error::UnsupportedSerializer`] with what would help, also when this build cannot read it.
    pub fn named(name: &str) -> Result<Self, Error> {
        let hint = match (Self::from_name(name), name) {
            (Some(serializer), _) => return serializer.check().map(|()| serializer),
            // `celery/security/serialization.py: register_auth`
            (None, "auth") => ": only Python can check the signature of its messages",
            (None, _) => ": kombu knows no serialiser of this name",
        };
        Err(Error::UnsupportedSerializer { content_type: name.to_owned(), hint })
    }

    /// Whether this build reads and writes it.
    pub fn is_built_in(self) -> bool {
        match self {
            Self::Json | Self::Binary | Self::Text => true,
            Self::Msgpack => cfg!(feature = "msgpack"),
            Self::Yaml => cfg!(feature = "yaml"),
            Self::Pickle => false,
        }
    }

    /// Refuses what this build cannot read.
    pub(super) fn check(self) -> Result<(), Error> {
        if self.is_built_in() {
            return Ok(());
        }
        let hint = match self {
            Self::Pickle => ": only Python can read it",
            Self::Msgpack => ": enable the feature `msgpack` of celery-protocol",
            Self::Yaml => ": enable the feature `yaml` of celery-protocol",
            Self::Json | Self::Binary | Self::Text => "",
        };
        Err(Error::UnsupportedSerializer { content_type: self.content_type().to_owned(), hint })
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
    fn what_cannot_be_read_says_why() {
        let said = |name| Serializer::named(name).unwrap_err().to_string();
        assert_eq!(
            said("pickle"),
            "content type `application/x-python-serialize` cannot be read here: only Python can read it"
        );
        assert!(said("auth").contains("signature"));
        assert!(said("xml").ends_with("no serialiser of this name"));
        for serializer in [Serializer::Msgpack, Serializer::Yaml] {
            let name = serializer.name().unwrap();
            if serializer.is_built_in() {
                assert_eq!(Serializer::named(name).unwrap(), serializer);
            } else {
                assert!(said(name).ends_with(&format!(": enable the feature `{name}` of celery-protocol")));
                assert!(serializer.decode(b"1").is_err() && serializer.encode(&crate::Value::Null).is_err());
            }
        }
    }

    #[test]
    fn captured_messages_name_theirs() {
        let cases = [
            (include_bytes!("../../fixtures/envelope/task.json").as_slice(), Serializer::Json),
            (include_bytes!("../../fixtures/envelope/binary_body.json"), Serializer::Binary),
        ];
        for (raw, expected) in cases {
            let message = Message::from_envelope(raw).unwrap();
            let serializer = Serializer::from_content_type(&message.content_type).unwrap();
            assert_eq!(serializer, expected);
            assert_eq!(message.content_encoding, serializer.content_encoding());
        }
    }
}
