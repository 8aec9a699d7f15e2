//! Bytes to values and back.

use super::Serializer;
use crate::{Error, MAX_MESSAGE_SIZE, Value, json::Typed, limits::check_size};

impl Serializer {
    /// What kombu's `loads` makes of bytes, up to [`MAX_MESSAGE_SIZE`] (`kombu/serialization.py`).
    ///
    /// Memory: for each byte read, JSON takes at most 64 bytes, msgpack 96, and 512 KiB, YAML 640, and 48 MiB for what
    /// its aliases repeat.
    ///
    /// # Errors
    ///
    /// [`Error::UnsupportedSerializer`] for what this build cannot read, [`Error::TooLarge`], [`Error::TooDeep`],
    /// [`Error::Utf8`], those of [`Value::from_json`], and [`Error::Malformed`].
    pub fn decode(self, data: &[u8]) -> Result<Value, Error> {
        self.check()?;
        check_size("body", data.len(), MAX_MESSAGE_SIZE)?;
        match self {
            Self::Json => Value::from_json(text("json", data)?),
            #[cfg(feature = "msgpack")]
            Self::Msgpack => crate::msgpack::decode(data),
            #[cfg(feature = "yaml")]
            Self::Yaml => crate::yaml::decode(data),
            Self::Text => text("text", data).map(Value::from),
            _ => Ok(Value::Typed(Typed::Bytes(data.to_vec()))),
        }
    }

    /// What kombu's `dumps` makes of a value, byte for byte (`kombu/serialization.py`).
    ///
    /// # Errors
    ///
    /// [`Error::UnsupportedSerializer`] for what this build cannot write, [`Error::NotSerializable`] for a value that
    /// the serialiser has no form for, [`Error::TooDeep`].
    pub fn encode(self, value: &Value) -> Result<Vec<u8>, Error> {
        self.check()?;
        match self {
            Self::Json => value.to_json().map(String::into_bytes),
            #[cfg(feature = "msgpack")]
            Self::Msgpack => crate::msgpack::encode(value),
            #[cfg(feature = "yaml")]
            Self::Yaml => crate::yaml::encode(value),
            _ => match value {
                Value::Typed(Typed::Bytes(bytes)) if self == Self::Binary => Ok(bytes.clone()),
                // `raw_encode` takes a `str` too.
                Value::Str(text) => Ok(text.clone().into_bytes()),
                other => Err(Error::NotSerializable {
                    serializer: if self == Self::Text { "text" } else { "raw" },
                    value: other.kind(),
                }),
            },
        }
    }
}

fn text<'a>(object: &'static str, data: &'a [u8]) -> Result<&'a str, Error> {
    std::str::from_utf8(data).map_err(|source| Error::Utf8 { object, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serializer::table;

    #[test]
    fn captured_json() {
        let seen = table::check(Serializer::Json, include_str!("../../fixtures/serializer/json.jsonl"), &[]);
        assert!(seen > 300, "{seen}");
    }

    #[test]
    fn bytes_and_text_stay_what_they_are() {
        let bytes = Value::Typed(Typed::Bytes(vec![0, 255]));
        assert_eq!(Serializer::Binary.decode(&[0, 255]).unwrap(), bytes);
        assert_eq!(Serializer::Binary.encode(&bytes).unwrap(), [0, 255]);
        assert_eq!(Serializer::Binary.encode(&"é".into()).unwrap(), "é".as_bytes());
        assert_eq!(Serializer::Text.decode("é".as_bytes()).unwrap(), "é".into());
        assert_eq!(Serializer::Text.encode(&"é".into()).unwrap(), "é".as_bytes());
        assert!(matches!(Serializer::Text.decode(&[255]), Err(Error::Utf8 { .. })));
        assert!(matches!(Serializer::Text.encode(&bytes), Err(Error::NotSerializable { .. })));
        assert!(matches!(Serializer::Binary.encode(&Value::Null), Err(Error::NotSerializable { .. })));
        assert!(matches!(Serializer::Pickle.decode(b""), Err(Error::UnsupportedSerializer { .. })));
    }
}
