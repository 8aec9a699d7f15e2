//! Values out of any format of serde.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Value;
use crate::json::Typed;

/// Asks [`Value`] as a deserialiser for itself, so that nothing is lost: it answers with typed values and the like as
/// dictionaries of these keys. Other formats take it for the name of a newtype.
pub(super) const WHOLE: &str = "$celery_protocol::Value";
pub(super) const BIG_INT: &str = "$big_int";
pub(super) const SURROGATES: &str = "$surrogates";
pub(super) const EXTENSION: &str = "$extension";

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(WHOLE, ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or_else(|_| Value::BigInt(value.to_string().into()), Value::Int))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Str(text))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Value, E> {
        self.visit_byte_buf(bytes.to_vec())
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Typed(Typed::Bytes(bytes)))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        if let [(Value::Str(key), value)] = entries.as_mut_slice() {
            match (key.as_str(), value) {
                (BIG_INT, Value::Str(digits)) if is_integer(digits) => {
                    return Ok(Value::BigInt(std::mem::take(digits).into()));
                }
                (SURROGATES, Value::Str(escaped)) if is_escaped(escaped) => {
                    return Ok(Value::Surrogates(std::mem::take(escaped).into()));
                }
                (EXTENSION, Value::List(parts)) => {
                    if let [Value::Int(code), Value::Typed(Typed::Bytes(bytes))] = parts.as_mut_slice() {
                        let code = i8::try_from(*code).map_err(de::Error::custom)?;
                        return Ok(Value::Extension(code, std::mem::take(bytes).into()));
                    }
                }
                _ => {}
            }
        }
        match Typed::from_entries(&entries).map_err(de::Error::custom)? {
            Some(typed) => Ok(Value::Typed(typed)),
            None => Ok(Value::Map(entries)),
        }
    }
}

/// What is written as it is must be an integer, wherever it came from.
fn is_integer(digits: &str) -> bool {
    let digits = digits.strip_prefix('-').unwrap_or(digits);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// As [`is_integer`], of what stands between the quotes of a JSON string.
fn is_escaped(escaped: &str) -> bool {
    matches!(Value::from_json(&format!("\"{escaped}\"")), Ok(Value::Surrogates(_)))
}

/// What a value answers to [`WHOLE`] when serde has no call for it.
pub(super) fn spelled_out(value: Value) -> Value {
    let one = |key: &str, value: Value| Value::Map(vec![(key.into(), value)]);
    match value {
        Value::BigInt(digits) => one(BIG_INT, Value::Str(digits.into())),
        Value::Surrogates(escaped) => one(SURROGATES, Value::Str(escaped.into())),
        Value::Extension(code, bytes) => {
            one(EXTENSION, Value::List(vec![code.into(), Value::Typed(Typed::Bytes(bytes.into()))]))
        }
        Value::Typed(typed) => match &typed {
            Typed::Bytes(_) => Value::Typed(typed),
            _ => typed.to_entries(),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::from_value;

    #[test]
    fn every_kind_of_value_is_itself() {
        let value = Value::from_json(
            r#"[null, true, 1, 1.5, "x", "\udcff", 123456789012345678901234567890123456789012345, {"a": [{}]},
                {"__type__": "date", "__value__": "2026-11-22"}, {"__type__": "base64", "__value__": "/w=="},
                {"__type__": "uuid", "__value__": {"hex": "67e5504410b1426f9247bb680e5fe0c8"}}]"#,
        )
        .unwrap();
        assert_eq!(from_value::<Value>(value.clone()).unwrap(), value);
        let extension = Value::List(vec![Value::Extension(-1, [1].into())]);
        assert_eq!(from_value::<Value>(extension.clone()).unwrap(), extension);
        assert_eq!(from_value::<(Value,)>(extension).unwrap().0, Value::Extension(-1, [1].into()));
    }

    #[test]
    fn other_formats_are_read_too() {
        let value: Value =
            serde_json::from_str(r#"{"a": [1, -1, 0.5, null, {"__type__": "date", "__value__": "x"}]}"#)
                .unwrap();
        assert_eq!(
            value.to_json().unwrap(),
            r#"{"a": [1, -1, 0.5, null, {"__type__": "date", "__value__": "x"}]}"#
        );
    }

    proptest! {
        #[test]
        fn values_come_back(value in super::super::write_json::tests::any_value()) {
            prop_assert_eq!(from_value::<Value>(value.clone()).unwrap(), value);
        }
    }
}
