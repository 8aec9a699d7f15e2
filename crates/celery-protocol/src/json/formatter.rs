//! A formatter for `serde_json` that writes as `json.dumps` does.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

use super::string::write_fragment;

/// Python's separators, escapes and floats.
///
/// ```
/// use celery_protocol::json;
///
/// let written = json::to_vec(&serde_json::json!({"é": [1, 1e-7]}))?;
/// assert_eq!(written, br#"{"\u00e9": [1, 1e-07]}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct PythonFormatter;

impl Formatter for PythonFormatter {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return writer.write_all(text.as_bytes());
        }
        let mut escaped = Vec::with_capacity(text.len() * 2);
        write_fragment(&mut escaped, text);
        writer.write_all(&escaped)
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let mut text = Vec::with_capacity(24);
        write_f64(&mut text, value);
        writer.write_all(&text)
    }
}

/// Serialises `value` as `json.dumps` would.
///
/// # Errors
///
/// What the value's own `Serialize` reports, and map keys that are no strings.
pub fn to_vec<T: ?Sized + Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(128);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, PythonFormatter))?;
    Ok(out)
}

/// Writes a float as Python's `float.__repr__` does: the shortest digits that read back, an exponent of two digits
/// or more from 1e16 on and below 1e-4; `NaN`, `Infinity` and `-Infinity` as `json.dumps` has them.
pub fn write_f64(out: &mut Vec<u8>, value: f64) {
    let text = if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
        // Debug, unlike Display, keeps ".0"; below 1e16 it uses no exponent.
        format!("{value:?}")
    } else {
        let text = format!("{value:e}");
        match text.split_once('e') {
            Some((digits, exponent)) => match exponent.strip_prefix('-') {
                Some(negative) => format!("{digits}e-{negative:0>2}"),
                None => format!("{digits}e+{exponent:0>2}"),
            },
            None => text,
        }
    };
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: f64) -> String {
        let mut out = Vec::new();
        write_f64(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_as_python_writes_them() {
        let rows: Vec<(String, String)> =
            serde_json::from_str(include_str!("../../fixtures/json/floats.json")).unwrap();
        for (bits, expected) in rows {
            assert_eq!(written(f64::from_bits(bits.parse().unwrap())), expected);
        }
    }

    #[test]
    fn separators_as_python_writes_them() {
        let text = r#"{"a": [1, {"b": null}, []], "c": {}, "d\u007f": "\u0000"}"#;
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(String::from_utf8(to_vec(&value).unwrap()).unwrap(), text);
    }

    proptest! {
        #[test]
        fn finite_floats_read_back(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
            prop_assert_eq!(serde_json::from_str::<f64>(&written(value)).unwrap().to_bits(), value.to_bits());
        }
    }
}
