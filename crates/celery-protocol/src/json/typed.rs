//! The typed values of kombu: `{"__type__": …, "__value__": …}`.

use serde::{Serialize, Serializer};

use super::ObjectWriter;
use crate::{Error, Value, base64_text};

const OBJECT: &str = "typed value";
const TYPE: &str = "__type__";
const VALUE: &str = "__value__";

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
        Ok(match Value::from_json(text)? {
            Value::Typed(typed) => Some(typed),
            _ => None,
        })
    }

    /// The typed value that a dictionary stands for; `None` when it is an ordinary one.
    ///
    /// # Errors
    ///
    /// As [`Typed::decode`].
    pub(crate) fn from_entries(entries: &[(Value, Value)]) -> Result<Option<Self>, Error> {
        let (name, value) = match entries {
            [(first, name), (second, value)] if is(first, TYPE) && is(second, VALUE) => (name, value),
            [(first, value), (second, name)] if is(first, VALUE) && is(second, TYPE) => (name, value),
            _ => return Ok(None),
        };
        let name = name.as_str().ok_or(invalid(TYPE, "a string"))?;
        Self::from_parts(name, value).map(Some)
    }

    /// Makes a value from what `__type__` names and `__value__` holds.
    fn from_parts(name: &str, value: &Value) -> Result<Self, Error> {
        if name == "uuid" {
            // kombu before 5.4 wrote a `version` beside it, which the digits hold already.
            let hex = value.get("hex").ok_or(Error::MissingField { object: OBJECT, field: "hex" })?;
            return parse_uuid(hex.as_str().unwrap_or_default()).map(Self::Uuid);
        }
        let make = match name {
            "datetime" => Self::DateTime,
            "date" => Self::Date,
            "time" => Self::Time,
            "decimal" => Self::Decimal,
            "bytes" => |text: String| Self::Bytes(text.into_bytes()),
            "base64" => {
                let text = value.as_str().ok_or(invalid(VALUE, "a string"))?;
                return base64_text::decode(OBJECT, text).map(Self::Bytes);
            }
            _ => return Err(Error::UnknownType { name: name.to_owned() }),
        };
        value.as_str().map(|text| make(text.to_owned())).ok_or(invalid(VALUE, "a string"))
    }

    /// The text: what Python's `isoformat` or `str` makes of the value. `None` for bytes.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::DateTime(text) | Self::Date(text) | Self::Time(text) | Self::Decimal(text) => {
                Some(text.clone())
            }
            Self::Uuid(bytes) => {
                let hex = hex(bytes);
                let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
                Some(parts.join("-"))
            }
            Self::Bytes(_) => None,
        }
    }

    /// The dictionary that stands for it.
    pub(crate) fn to_entries(&self) -> Value {
        let (name, value) = match self {
            Self::DateTime(text) => ("datetime", text.as_str().into()),
            Self::Date(text) => ("date", text.as_str().into()),
            Self::Time(text) => ("time", text.as_str().into()),
            Self::Decimal(text) => ("decimal", text.as_str().into()),
            Self::Uuid(bytes) => ("uuid", Value::Map(vec![("hex".into(), hex(bytes).into())])),
            Self::Bytes(bytes) => ("base64", base64_text::encoded(bytes).into()),
        };
        Value::Map(vec![(TYPE.into(), name.into()), (VALUE.into(), value)])
    }

    /// What it is, for messages to people.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::DateTime(_) => "a datetime",
            Self::Date(_) => "a date",
            Self::Time(_) => "a time",
            Self::Decimal(_) => "a Decimal",
            Self::Uuid(_) => "a UUID",
            Self::Bytes(_) => "bytes",
        }
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
                let mut value = ObjectWriter::new(object.key("__value__"));
                value.str("hex", &hex(bytes));
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

fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is(key: &Value, name: &str) -> bool {
    key.as_str() == Some(name)
}

fn invalid(field: &'static str, expected: &'static str) -> Error {
    Error::InvalidField { object: OBJECT, field, expected }
}

/// `{"__type__": …, "__value__": …}`, in any format of serde; bytes are its own.
impl Serialize for Typed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            _ => self.to_entries().serialize(serializer),
        }
    }
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
    use crate::{StoredMeta, json::Fields};

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
            let value = Value::Str(text);
            let _ = Typed::from_parts("base64", &value);
            let _ = Typed::from_parts("uuid", &Value::Map(vec![("hex".into(), value.clone())]));
            let _ = Typed::from_parts(&name, &value);
        }
    }
}
