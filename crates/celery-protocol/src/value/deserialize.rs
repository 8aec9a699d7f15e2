//! Rust types from values.

use serde::{
    de::{
        self, DeserializeOwned, IntoDeserializer, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};

use super::{
    Value,
    read::{WHOLE, spelled_out},
};
use crate::{Error, json::Typed};

/// The Rust value for one of Python.
///
/// Typed values come as their text (`datetime`, `date`, `time`, `Decimal` and `UUID`: whatever type parses a string) or
/// as bytes; a string with lone surrogates has U+FFFD in their place.
///
/// # Errors
///
/// [`Error::Convert`] when the value is not what the type wants.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(value)
}

impl de::Error for Error {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Convert(message.to_string())
    }
}

impl IntoDeserializer<'_, Error> for Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A key of a dictionary: in JSON a string, whatever it was in Rust.
struct DictKey(Value);

impl IntoDeserializer<'_, Error> for DictKey {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! keys_that_parse {
    ($($deserialize:ident $visit:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0.as_str().and_then(|text| text.parse().ok()) {
                Some(key) => visitor.$visit(key),
                None => self.0.$deserialize(visitor),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for DictKey {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == WHOLE {
            self.0.deserialize_newtype_struct(name, visitor)
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    keys_that_parse! {
        deserialize_bool visit_bool
        deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32 deserialize_i64 visit_i64
        deserialize_i128 visit_i128
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64
        deserialize_u128 visit_u128
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

impl<'de> de::Deserializer<'de> for Value {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Int(value) => visitor.visit_i64(value),
            Self::BigInt(digits) => match (digits.parse(), digits.parse()) {
                (Ok(value), _) => visitor.visit_u64(value),
                (_, Ok(value)) => visitor.visit_i128(value),
                _ => match digits.parse() {
                    Ok(value) => visitor.visit_u128(value),
                    Err(_) => visitor.visit_string(digits.into()),
                },
            },
            Self::Float(value) => visitor.visit_f64(value),
            Self::Str(text) => visitor.visit_string(text),
            Self::Surrogates(escaped) => {
                let text: crate::json::LossyString =
                    serde_json::from_str(&format!("\"{escaped}\"")).map_err(Error::json("string"))?;
                visitor.visit_string(text.0)
            }
            Self::List(items) => {
                let mut seq = SeqDeserializer::new(items.into_iter());
                let value = visitor.visit_seq(&mut seq)?;
                seq.end()?;
                Ok(value)
            }
            Self::Map(entries) => {
                let entries = entries.into_iter().map(|(key, value)| (DictKey(key), value));
                let mut map = MapDeserializer::new(entries);
                let value = visitor.visit_map(&mut map)?;
                map.end()?;
                Ok(value)
            }
            Self::Typed(Typed::Bytes(bytes)) => visitor.visit_byte_buf(bytes),
            Self::Extension(_, bytes) => visitor.visit_byte_buf(bytes.into()),
            Self::Typed(typed) => visitor.visit_string(typed.text().unwrap_or_default()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_none(),
            value => visitor.visit_some(value),
        }
    }

    /// `Vec<u8>`, which serde reads as a sequence of numbers, takes bytes too.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Typed(Typed::Bytes(bytes)) => visitor.visit_seq(SeqDeserializer::new(bytes.into_iter())),
            value => value.deserialize_any(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::BigInt(digits) => visitor.visit_f64(digits.parse().unwrap_or(f64::NAN)),
            value => value.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(if name == WHOLE { spelled_out(self) } else { self })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Str(variant) => visitor.visit_enum(variant.into_deserializer()),
            Self::Map(mut entries) if entries.len() == 1 => match entries.pop() {
                Some(entry) => visitor.visit_enum(de::value::MapAccessDeserializer::new(
                    MapDeserializer::new(std::iter::once(entry)),
                )),
                None => Err(de::Error::custom("expected a variant")),
            },
            other => Err(Error::Convert(format!(
                "expected a variant: a str or a dict of one entry, not {}",
                other.kind()
            ))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;
    use crate::to_value;

    #[derive(Debug, PartialEq, Deserialize, serde::Serialize)]
    enum Shape {
        Point,
        Circle(f64),
        Line(i32, i32),
        Box { w: u8 },
    }

    #[test]
    fn what_became_a_value_comes_back() {
        let shapes = vec![Shape::Point, Shape::Circle(1.0), Shape::Line(1, 2), Shape::Box { w: 3 }];
        assert_eq!(from_value::<Vec<Shape>>(to_value(&shapes).unwrap()).unwrap(), shapes);
        let map: HashMap<String, Option<u64>> =
            HashMap::from([("a".to_owned(), Some(u64::MAX)), ("b".to_owned(), None)]);
        assert_eq!(from_value::<HashMap<String, Option<u64>>>(to_value(&map).unwrap()).unwrap(), map);
        let numbered = HashMap::from([(1_u32, true), (2, false)]);
        assert_eq!(from_value::<HashMap<u32, bool>>(to_value(&numbered).unwrap()).unwrap(), numbered);
        let read = Value::from_json(r#"{"1": true, "2": false}"#).unwrap();
        assert_eq!(from_value::<HashMap<u32, bool>>(read).unwrap(), numbered);
        let most = Value::BigInt(u128::MAX.to_string().into());
        assert_eq!(from_value::<u128>(most.clone()).unwrap(), u128::MAX);
        assert!(from_value::<f64>(most).unwrap() > 3e38);
        assert_eq!(from_value::<f64>(Value::Int(3)).unwrap().to_bits(), 3.0_f64.to_bits());
    }

    #[test]
    fn typed_values_are_texts_and_bytes() {
        let value = Value::from_json(
            r#"[{"__type__": "decimal", "__value__": "12.50"}, {"__type__": "bytes", "__value__": "hi"},
                {"__type__": "uuid", "__value__": {"hex": "67e5504410b1426f9247bb680e5fe0c8"}}, "\udcff"]"#,
        )
        .unwrap();
        let (decimal, bytes, uuid, lone): (String, Vec<u8>, String, String) = from_value(value).unwrap();
        assert_eq!((&*decimal, &*bytes), ("12.50", b"hi".as_slice()));
        assert_eq!(uuid, "67e55044-10b1-426f-9247-bb680e5fe0c8");
        assert_eq!(lone, "\u{fffd}\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_misfit_is_named() {
        let said = from_value::<u8>(Value::Str("x".to_owned())).unwrap_err().to_string();
        assert_eq!(said, "invalid type: string \"x\", expected u8");
        assert!(from_value::<(i64,)>(Value::List(vec![Value::Int(1), Value::Int(2)])).is_err());
    }
}
