//! The typed values of kombu: `{"__type__": …, "__value__": …}`.

use super::{Fields, ObjectWriter};
use crate::{Error, base64_text};

const OBJECT: &str = "typed value";

/// A Python value that JSON has no form for (`kombu/utils/json.py: _register_default_types`).
///
/// Dates and numbers stay the text that Python's `isoformat` and `str` made of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Typed {
    /// `datetime.datetime`, ISO 8601, with or without offset.
    DateTime(String),
    /// `datetime.date`, ISO 8601.
    Date(String),
    /// `datetime.time`, ISO 8601.
    Time(String),
    /// `decimal.Decimal`.
    Decimal(String),
    /// `uuid.UUID`.
    Uuid([u8; 16]),
    /// `bytes`: UTF-8 goes as text under `bytes`, the rest as `base64`.
    Bytes(Vec<u8>),
}

impl Typed {
    /// Reads one JSON value; `None` when it is no typed value, which has exactly the two keys.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownType`] and values that do not fit their type, both of which kombu refuses too
    /// (`kombu/utils/json.py: object_hook`).
    pub fn decode(text: &str) -> Result<Option<Self>, Error> {
        if !text.trim_start().starts_with('{') {
            return Ok(None);
        }
        let fields: Fields<'_> = serde_json::from_str(text).map_err(Error::json(OBJECT))?;
        match (fields.len(), fields.get("__type__"), fields.get("__value__")) {
            (2, Some(name), Some(value)) => {
                let name: String = serde_json::from_str(name).map_err(Error::json(OBJECT))?;
                Self::from_parts(&name, value).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Makes a value from what `__type__` names and the JSON text of `__value__`.
    ///
    /// # Errors
    ///
    /// As [`Typed::decode`].
    pub fn from_parts(name: &str, value: &str) -> Result<Self, Error> {
        if name == "uuid" {
            let fields: Fields<'_> = serde_json::from_str(value).map_err(Error::json(OBJECT))?;
            // kombu before 5.4 wrote a `version` beside it, which the digits hold already.
            let hex = fields.get("hex").ok_or(Error::MissingField { object: OBJECT, field: "hex" })?;
            return parse_uuid(&text(hex)?).map(Self::Uuid);
        }
        let make = match name {
            "datetime" => Self::DateTime,
            "date" => Self::Date,
            "time" => Self::Time,
            "decimal" => Self::Decimal,
            "bytes" => |text: String| Self::Bytes(text.into_bytes()),
            "base64" => return base64_text::decode(OBJECT, &text(value)?).map(Self::Bytes),
            _ => return Err(Error::UnknownType { name: name.to_owned() }),
        };
        text(value).map(make)
    }

    /// Appends the value as kombu writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        match self {
            Self::DateTime(text) => write_text(&mut object, "datetime", text),
            Self::Date(text) => write_text(&mut object, "date", text),
            Self::Time(text) => write_text(&mut object, "time", text),
            Self::Decimal(text) => write_text(&mut object, "decimal", text),
            Self::Uuid(bytes) => {
                object.str("__type__", "uuid");
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                let mut value = ObjectWriter::new(object.key("__value__"));
                value.str("hex", &hex);
                value.end();
            }
            Self::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => write_text(&mut object, "bytes", text),
                Err(_) => {
                    object.str("__type__", "base64");
                    let value = object.key("__value__");
                    value.push(b'"');
                    base64_text::encode(value, bytes);
                    value.push(b'"');
                }
            },
        }
        object.end();
    }

    /// The value as kombu writes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        self.write(&mut out);
        out
    }
}

fn write_text(object: &mut ObjectWriter<'_>, name: &str, text: &str) {
    object.str("__type__", name);
    object.str("__value__", text);
}

fn text(json: &str) -> Result<String, Error> {
    serde_json::from_str(json).map_err(Error::json(OBJECT))
}

/// As `uuid.UUID(hex=…)`: hyphens, braces and the URN prefix do not count.
fn parse_uuid(text: &str) -> Result<[u8; 16], Error> {
    let invalid = Error::InvalidField { object: OBJECT, field: "hex", expected: "32 hexadecimal digits" };
    let hex = text.replace("urn:", "").replace("uuid:", "").replace(['-', '{', '}'], "");
    if hex.len() != 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(invalid);
    }
    u128::from_str_radix(&hex, 16).map(u128::to_be_bytes).map_err(|_| invalid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::StoredMeta;

    fn captured() -> Vec<(String, String)> {
        let meta = StoredMeta::decode(include_bytes!("../../fixtures/result/plain/typed.json")).unwrap();
        let fields: Fields<'_> = serde_json::from_str(&meta.result).unwrap();
        fields.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn captured_values_decode_and_encode_to_the_same_bytes() {
        let expected = [
            Typed::DateTime("2026-11-22T12:13:14.000567+00:00".to_owned()),
            Typed::Date("2026-11-22".to_owned()),
            Typed::Time("12:13:14".to_owned()),
            Typed::Decimal("12.50".to_owned()),
            Typed::Uuid(0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8_u128.to_be_bytes()),
            Typed::Bytes("grüße".as_bytes().to_vec()),
            Typed::Bytes(vec![0xff, 0, 1]),
        ];
        let captured = captured();
        assert_eq!(captured.len(), expected.len());
        for ((name, json), expected) in captured.iter().zip(expected) {
            let typed = Typed::decode(json).unwrap().unwrap();
            assert_eq!(typed, expected, "{name}");
            assert_eq!(String::from_utf8(typed.encode()).unwrap(), *json, "{name}");
        }
    }

    #[test]
    fn only_objects_of_both_keys_are_typed() {
        for text in
            [r#"{"__type__": "date"}"#, r#"{"__type__": "date", "__value__": "x", "y": 1}"#, "[]", "1", "{}"]
        {
            assert_eq!(Typed::decode(text).unwrap(), None, "{text}");
        }
    }

    #[test]
    fn unknown_types_are_named() {
        let error = Typed::decode(r#"{"__type__": "set", "__value__": []}"#).unwrap_err();
        assert_eq!(error.to_string(), "typed value of unknown type `set`");
    }

    #[test]
    fn uuids_of_older_kombu_and_bad_ones() {
        let old = r#"{"__type__": "uuid", "__value__": {"hex": "67e55044-10b1-426f-9247-bb680e5fe0c8", "version": 4}}"#;
        assert!(matches!(Typed::decode(old), Ok(Some(Typed::Uuid([0x67, ..])))));
        let short = r#"{"__type__": "uuid", "__value__": {"hex": "67"}}"#;
        assert!(matches!(Typed::decode(short), Err(Error::InvalidField { field: "hex", .. })));
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(text: String, bytes: Vec<u8>, uuid: [u8; 16]) {
            for typed in [Typed::Decimal(text), Typed::Bytes(bytes), Typed::Uuid(uuid)] {
                let json = String::from_utf8(typed.encode()).unwrap();
                prop_assert_eq!(Typed::decode(&json).unwrap(), Some(typed));
            }
        }

        #[test]
        fn arbitrary_text_never_panics(name: String, text: String) {
            let _ = Typed::decode(&text);
            let _ = Typed::from_parts("uuid", &text);
            let _ = Typed::from_parts(&name, &text);
        }
    }
}
