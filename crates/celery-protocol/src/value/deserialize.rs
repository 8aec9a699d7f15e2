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
                _ => visitor.visit_string(digits.into()),
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
                let mut map = MapDeserializer::new(entries.into_iter());
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
        self.deserialize_any(visitor)
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
