//! Values to JSON text.

use std::borrow::Cow;

use super::Value;
use crate::{
    Error,
    json::{write_f64, write_string},
};

impl Value {
    /// Appends the value as kombu writes it (`kombu/utils/json.py: dumps`).
    ///
    /// # Errors
    ///
    /// As [`Value::to_json`].
    pub fn write_json(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Self::Int(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Self::BigInt(digits) => out.extend_from_slice(digits.as_bytes()),
            Self::Float(value) => write_f64(out, *value),
            Self::Str(text) => write_string(out, text),
            Self::Surrogates(escaped) => {
                out.push(b'"');
                out.extend_from_slice(escaped.as_bytes());
                out.push(b'"');
            }
            Self::List(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(b", ");
                    }
                    item.write_json(out)?;
                }
                out.push(b']');
            }
            Self::Map(entries) => {
                out.push(b'{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(b", ");
                    }
                    key.write_key(out)?;
                    out.extend_from_slice(b": ");
                    value.write_json(out)?;
                }
                out.push(b'}');
            }
            Self::Typed(typed) => typed.write(out),
            Self::Extension(..) => {
                return Err(Error::NotSerializable { serializer: "json", value: self.kind() });
            }
        }
        Ok(())
    }

    /// A key, which Python makes a string of (`json/encoder.py: _iterencode_dict`).
    fn write_key(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let text: Cow<'_, str> = match self {
            Self::Str(text) => text.into(),
            Self::Null => "null".into(),
            Self::Bool(value) => if *value { "true" } else { "false" }.into(),
            Self::Int(value) => value.to_string().into(),
            Self::BigInt(digits) => Cow::Borrowed(digits),
            Self::Float(value) => {
                let mut text = Vec::new();
                write_f64(&mut text, *value);
                String::from_utf8(text).unwrap_or_default().into()
            }
            Self::Surrogates(_) => return self.write_json(out),
            Self::List(_) | Self::Map(_) | Self::Typed(_) | Self::Extension(..) => {
                return Err(Error::NotSerializable { serializer: "json", value: "such a dictionary key" });
            }
        };
        write_string(out, &text);
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::Typed;

    #[test]
    fn keys_become_strings_as_in_python() {
        let value = Value::Map(vec![
            (Value::Int(1), Value::Null),
            (Value::Bool(true), Value::Null),
            (Value::Null, Value::Null),
            (Value::Float(1.0), Value::Null),
        ]);
        assert_eq!(value.to_json().unwrap(), r#"{"1": null, "true": null, "null": null, "1.0": null}"#);
        assert!(Value::Map(vec![(Value::List(vec![]), Value::Null)]).to_json().is_err());
        assert!(Value::Extension(1, [].into()).to_json().is_err());
    }

    pub(crate) fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            "-?[1-9][0-9]{20,40}".prop_map(|digits| Value::BigInt(digits.into())),
            any::<f64>()
                .prop_filter("NaN is not equal to itself", |value| !value.is_nan())
                .prop_map(Value::Float),
            any::<String>().prop_map(Value::Str),
            any::<Vec<u8>>().prop_map(|bytes| Value::Typed(Typed::Bytes(bytes))),
            any::<String>().prop_map(|text| Value::Typed(Typed::Decimal(text))),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                proptest::collection::vec(("[a-z]*".prop_map(Value::Str), inner), 0..6).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in any_value()) {
            prop_assert_eq!(Value::from_json(&value.to_json().unwrap()).unwrap(), value);
        }
    }
}
