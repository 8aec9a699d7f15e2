//! Values from JSON text.

use std::borrow::Cow;

use super::Value;
use crate::{
    Error,
    json::{Build, Typed},
};

/// Builds [`Value`]s.
pub(super) struct ValueBuilder;

impl<'a> Build<'a> for ValueBuilder {
    type Value = Value;
    type Array = Vec<Value>;
    type Object = Vec<(Value, Value)>;
    type Error = Error;

    fn null(&mut self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn bool(&mut self, value: bool) -> Result<Value, Error> {
        Ok(Value::Bool(value))
    }

    fn integer(&mut self, digits: &'a str) -> Result<Value, Error> {
        Ok(digits.parse().map_or_else(|_| Value::BigInt(digits.into()), Value::Int))
    }

    fn float(&mut self, value: f64) -> Result<Value, Error> {
        Ok(Value::Float(value))
    }

    fn string(&mut self, text: Cow<'a, str>) -> Result<Value, Error> {
        Ok(Value::Str(text.into_owned()))
    }

    fn surrogates(&mut self, escaped: &'a str) -> Result<Value, Error> {
        Ok(Value::Surrogates(escaped.into()))
    }

    fn array(&mut self) -> Result<Vec<Value>, Error> {
        Ok(Vec::new())
    }

    fn element(&mut self, array: &mut Vec<Value>, value: Value) -> Result<(), Error> {
        array.push(value);
        Ok(())
    }

    fn end_array(&mut self, array: Vec<Value>) -> Result<Value, Error> {
        Ok(Value::List(array))
    }

    fn object(&mut self) -> Result<Self::Object, Error> {
        Ok(Vec::new())
    }

    fn entry(&mut self, object: &mut Self::Object, key: Value, value: Value) -> Result<(), Error> {
        object.push((key, value));
        Ok(())
    }

    fn end_object(&mut self, object: Self::Object) -> Result<Value, Error> {
        match Typed::from_entries(&object)? {
            Some(typed) => Ok(Value::Typed(typed)),
            None => Ok(Value::Map(object)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_python_reads_is_read() {
        let text = r#" {"a": [1, -2, 1.5, 1e3, NaN, -Infinity, true, null], "b": 123456789012345678901234567890,
            "\u00e9\ud83d\ude00": "\udcff.txt", "u": {"__type__": "bytes", "__value__": "x"}} "#;
        let value = Value::from_json(text).unwrap();
        let list = value.get("a").unwrap().as_list().unwrap();
        assert_eq!(list[..4], [Value::Int(1), Value::Int(-2), Value::Float(1.5), Value::Float(1000.0)]);
        assert!(matches!(list[4], Value::Float(nan) if nan.is_nan()));
        assert_eq!(list[5..], [Value::Float(f64::NEG_INFINITY), Value::Bool(true), Value::Null]);
        assert_eq!(value.get("b"), Some(&Value::BigInt("123456789012345678901234567890".into())));
        assert_eq!(value.get("é\u{1f600}"), Some(&Value::Surrogates("\\udcff.txt".into())));
        assert_eq!(value.get("u"), Some(&Value::Typed(Typed::Bytes(b"x".to_vec()))));
    }

    #[test]
    fn what_python_refuses_is_refused_with_its_place() {
        let said = |text| Value::from_json(text).unwrap_err().to_string();
        assert_eq!(said("[1, ]"), "json cannot be decoded: expected a value at byte 4");
        for text in
            ["", "01", "-", "1.", "1e", "[1", "{1: 2}", "{\"a\" 1}", "\"a", "\"\n\"", "\"\\x\"", "1 2", "nul"]
        {
            assert!(matches!(Value::from_json(text), Err(Error::Syntax { .. })), "{text}");
        }
        let deep = "[".repeat(crate::MAX_DEPTH + 1);
        assert!(matches!(Value::from_json(&deep), Err(Error::TooDeep { .. })));
        let unknown = r#"{"__type__": "set", "__value__": []}"#;
        assert!(matches!(Value::from_json(unknown), Err(Error::UnknownType { .. })));
    }

    #[test]
    fn a_value_is_small() {
        // What the stated memory of the decoders rests on.
        assert_eq!(size_of::<Value>(), 32);
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}",:0-9eE.+\-a\\nu ]{0,30}"#) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            match (Value::from_json(&text), theirs) {
                (Ok(ours), Ok(_)) => { prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&ours.to_json().unwrap()).is_ok()); }
                (Err(_), Err(_)) => {}
                // Numbers past the range of a float are infinities in Python, and lone surrogates are text.
                (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("out of range") || error.to_string().contains("surrogate") || error.to_string().contains("hex escape")),
                (Err(error), Ok(_)) => prop_assert!(false, "{error}"),
            }
        }

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            let _ = Value::from_json(&text);
        }
    }
}
