//! What a type wants to be read from: asked of its own `Deserialize`.

use std::fmt;

use serde::de::{self, DeserializeOwned, Visitor};

/// What a type is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing: `()`.
    Unit,
    /// So many values: a tuple, an array.
    Tuple(usize),
    /// Values under these names: a struct.
    Struct(&'static [&'static str]),
    /// Any number of values.
    Sequence,
    /// Values under any names.
    Map,
    /// Anything else.
    Other,
}

impl Shape {
    /// The shape of `T`.
    pub(crate) fn of<T: DeserializeOwned>() -> Self {
        match T::deserialize(Probe) {
            Err(Probed(shape)) => shape,
            // It takes nothing to make one.
            Ok(_) => Self::Unit,
        }
    }
}

/// A deserializer that only hears what it is asked for.
struct Probe;

/// What it was asked for.
#[derive(Debug)]
struct Probed(Shape);

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Probed {}

impl de::Error for Probed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(Shape::Other)
    }
}

macro_rules! asked_for {
    ($($method:ident => $shape:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Probed> {
            Err(Probed(Shape::$shape))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Probe {
    type Error = Probed;

    asked_for! {
        deserialize_any => Other;
        deserialize_bool => Other;
        deserialize_i8 => Other;
        deserialize_i16 => Other;
        deserialize_i32 => Other;
        deserialize_i64 => Other;
        deserialize_i128 => Other;
        deserialize_u8 => Other;
        deserialize_u16 => Other;
        deserialize_u32 => Other;
        deserialize_u64 => Other;
        deserialize_u128 => Other;
        deserialize_f32 => Other;
        deserialize_f64 => Other;
        deserialize_char => Other;
        deserialize_str => Other;
        deserialize_string => Other;
        deserialize_bytes => Other;
        deserialize_byte_buf => Other;
        deserialize_option => Other;
        deserialize_unit => Unit;
        deserialize_seq => Sequence;
        deserialize_map => Map;
        deserialize_identifier => Other;
        deserialize_ignored_any => Other;
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, Probed> {
        Err(Probed(Shape::Unit))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Probed> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, size: usize, _: V) -> Result<V::Value, Probed> {
        Err(Probed(Shape::Tuple(size)))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        size: usize,
        _: V,
    ) -> Result<V::Value, Probed> {
        Err(Probed(Shape::Tuple(size)))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Probed> {
        Err(Probed(Shape::Struct(fields)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Probed> {
        Err(Probed(Shape::Other))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "its shape is what counts")]
    struct Size {
        width: u32,
        height: u32,
    }

    #[test]
    fn types_say_what_they_want() {
        assert_eq!(Shape::of::<()>(), Shape::Unit);
        assert_eq!(Shape::of::<(i64, String)>(), Shape::Tuple(2));
        assert_eq!(Shape::of::<[u8; 3]>(), Shape::Tuple(3));
        assert_eq!(Shape::of::<Size>(), Shape::Struct(&["width", "height"]));
        assert_eq!(Shape::of::<Vec<i64>>(), Shape::Sequence);
        assert_eq!(Shape::of::<HashMap<String, i64>>(), Shape::Map);
        assert_eq!(Shape::of::<i64>(), Shape::Other);
    }
}
