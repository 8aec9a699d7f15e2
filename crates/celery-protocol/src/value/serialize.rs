//! Values from Rust types.

use serde::ser::{self, Serialize};

use super::Value;
use crate::{Error, json::Typed};

/// The value that Python will see for a Rust one: what serde makes of it, as JSON would have it. Bytes
/// (`serde_bytes`) become `bytes`.
///
/// # Errors
///
/// [`Error::Convert`] with what the type's own `Serialize` reports.
pub fn to_value<T: ?Sized + Serialize>(value: &T) -> Result<Value, Error> {
    value.serialize(ValueSerializer)
}

impl ser::Error for Error {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Convert(message.to_string())
    }
}

impl Serialize for Value {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use ser::SerializeMap;
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::BigInt(digits) => match (digits.parse::<u64>(), digits.parse::<i128>()) {
                (Ok(value), _) => serializer.serialize_u64(value),
                (_, Ok(value)) => serializer.serialize_i128(value),
                _ => Err(ser::Error::custom("an integer beyond 128 bits has no form in serde")),
            },
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Surrogates(_) => Err(ser::Error::custom("a string with lone surrogates is no UTF-8")),
            Self::List(items) => items.serialize(serializer),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
            Self::Typed(typed) => typed.serialize(serializer),
            Self::Extension(_, bytes) => serializer.serialize_bytes(bytes),
        }
    }
}

struct ValueSerializer;

impl ser::Serializer for ValueSerializer {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    fn serialize_bool(self, value: bool) -> Result<Value, Error> {
        Ok(Value::Bool(value))
    }
    fn serialize_i8(self, value: i8) -> Result<Value, Error> {
        Ok(value.into())
    }
    fn serialize_i16(self, value: i16) -> Result<Value, Error> {
        Ok(value.into())
    }
    fn serialize_i32(self, value: i32) -> Result<Value, Error> {
        Ok(value.into())
    }
    fn serialize_i64(self, value: i64) -> Result<Value, Error> {
        Ok(value.into())
    }
    fn serialize_i128(self, value: i128) -> Result<Value, Error> {
        Ok(i64::try_from(value).map_or_else(|_| Value::BigInt(value.to_string().into()), Value::Int))
    }
    fn serialize_u8(self, value: u8) -> Result<Value, Error> {
        Ok(value.into())
    }
    fn serialize_u16(self, value: u16) -> Result<Value, Error> {
        Ok(value.into())
    }
    fn serialize_u32(self, value: u32) -> Result<Value, Error> {
        Ok(value.into())
    }
    fn serialize_u64(self, value: u64) -> Result<Value, Error> {
        Ok(value.into())
    }
    fn serialize_u128(self, value: u128) -> Result<Value, Error> {
        Ok(i64::try_from(value).map_or_else(|_| Value::BigInt(value.to_string().into()), Value::Int))
    }
    fn serialize_f32(self, value: f32) -> Result<Value, Error> {
        Ok(Value::Float(value.into()))
    }
    fn serialize_f64(self, value: f64) -> Result<Value, Error> {
        Ok(Value::Float(value))
    }
    fn serialize_char(self, value: char) -> Result<Value, Error> {
        Ok(Value::Str(value.to_string()))
    }
    fn serialize_str(self, text: &str) -> Result<Value, Error> {
        Ok(text.into())
    }
    fn serialize_bytes(self, bytes: &[u8]) -> Result<Value, Error> {
        Ok(Value::Typed(Typed::Bytes(bytes.to_vec())))
    }
    fn serialize_none(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }
    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<Value, Error> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }
    fn serialize_unit_struct(self, _name: &'static str) -> Result<Value, Error> {
        Ok(Value::Null)
    }
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Value, Error> {
        Ok(variant.into())
    }
    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        Ok(variant_of(variant, value.serialize(self)?))
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<Items, Error> {
        Ok(Items::new(None, len))
    }
    fn serialize_tuple(self, len: usize) -> Result<Items, Error> {
        Ok(Items::new(None, Some(len)))
    }
    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Items, Error> {
        Ok(Items::new(None, Some(len)))
    }
    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Items, Error> {
        Ok(Items::new(Some(variant), Some(len)))
    }
    fn serialize_map(self, len: Option<usize>) -> Result<Entries, Error> {
        Ok(Entries::new(None, len))
    }
    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<Entries, Error> {
        Ok(Entries::new(None, Some(len)))
    }
    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Entries, Error> {
        Ok(Entries::new(Some(variant), Some(len)))
    }
}

/// As serde's own formats write it: `{"Variant": content}`.
fn variant_of(variant: &'static str, content: Value) -> Value {
    Value::Map(vec![(variant.into(), content)])
}

/// A length that a type claims is not believed beyond this.
const MOST_RESERVED: usize = 1024;

struct Items {
    variant: Option<&'static str>,
    items: Vec<Value>,
}

impl Items {
    fn new(variant: Option<&'static str>, len: Option<usize>) -> Self {
        Self { variant, items: Vec::with_capacity(len.unwrap_or_default().min(MOST_RESERVED)) }
    }

    fn push<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
        self.items.push(to_value(value)?);
        Ok(())
    }

    fn finish(self) -> Result<Value, Error> {
        let list = Value::List(self.items);
        Ok(match self.variant {
            Some(variant) => variant_of(variant, list),
            None => list,
        })
    }
}

macro_rules! serialize_items {
    ($($trait:ident :: $method:ident),*) => {$(
        impl ser::$trait for Items {
            type Ok = Value;
            type Error = Error;
            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
                self.push(value)
            }
            fn end(self) -> Result<Value, Error> {
                self.finish()
            }
        }
    )*};
}
serialize_items!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

struct Entries {
    variant: Option<&'static str>,
    entries: Vec<(Value, Value)>,
    key: Value,
}

impl Entries {
    fn new(variant: Option<&'static str>, len: Option<usize>) -> Self {
        let entries = Vec::with_capacity(len.unwrap_or_default().min(MOST_RESERVED));
        Self { variant, entries, key: Value::Null }
    }

    fn finish(self) -> Result<Value, Error> {
        let map = match Typed::from_entries(&self.entries)? {
            Some(typed) => Value::Typed(typed),
            None => Value::Map(self.entries),
        };
        Ok(match self.variant {
            Some(variant) => variant_of(variant, map),
            None => map,
        })
    }
}

impl ser::SerializeMap for Entries {
    type Ok = Value;
    type Error = Error;
    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Error> {
        self.key = to_value(key)?;
        Ok(())
    }
    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
        self.entries.push((std::mem::take(&mut self.key), to_value(value)?));
        Ok(())
    }
    fn end(self) -> Result<Value, Error> {
        self.finish()
    }
}

macro_rules! serialize_fields {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Entries {
            type Ok = Value;
            type Error = Error;
            fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
                self.entries.push((key.into(), to_value(value)?));
                Ok(())
            }
            fn end(self) -> Result<Value, Error> {
                self.finish()
            }
        }
    )*};
}
serialize_fields!(SerializeStruct, SerializeStructVariant);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Point,
        Circle(f64),
        Line(i32, i32),
        Box { w: u8 },
    }

    #[test]
    fn as_json_would_have_it() {
        let shapes = [Shape::Point, Shape::Circle(1.0), Shape::Line(1, 2), Shape::Box { w: 3 }];
        let json = serde_json::to_string(&shapes).unwrap();
        assert_eq!(to_value(&shapes).unwrap().to_json().unwrap().replace(' ', ""), json);
        assert_eq!(
            to_value(&(1_u64 << 63, 1_i128 << 100, -1)).unwrap().to_json().unwrap(),
            format!("[{}, {}, -1]", 1_u64 << 63, 1_i128 << 100)
        );
        let keys = BTreeMap::from([(1, Some('a')), (2, None)]);
        assert_eq!(to_value(&keys).unwrap().to_json().unwrap(), r#"{"1": "a", "2": null}"#);
    }

    #[test]
    fn values_and_typed_values_stay_what_they_are() {
        let value =
            Value::from_json(r#"[1, {"a": {"__type__": "date", "__value__": "2026-11-22"}}]"#).unwrap();
        assert_eq!(to_value(&value).unwrap(), value);
        assert_eq!(to_value(&Typed::Bytes(vec![0xff])).unwrap(), Value::Typed(Typed::Bytes(vec![0xff])));
    }
}
