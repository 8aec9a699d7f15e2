//! Values as Python shows them.

use super::Value;
use crate::json::{Typed, write_f64};

/// The value as Python's `repr` shows it, cut after `limit` characters.
pub(super) fn repr(value: &Value, limit: usize) -> String {
    let mut out = String::new();
    write(&mut out, value, limit);
    if out.chars().nth(limit).is_some() {
        let keep = limit.saturating_sub(3);
        let end = out.char_indices().nth(keep).map_or(out.len(), |(at, _)| at);
        out.truncate(end);
        out.push_str("...");
    }
    out
}

/// Writes until at least `limit` bytes are there: no more of them will be shown.
fn write(out: &mut String, value: &Value, limit: usize) {
    if out.len() > 4 * limit {
        return;
    }
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(value) => out.push_str(if *value { "True" } else { "False" }),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::BigInt(digits) => out.push_str(digits),
        Value::Float(value) if value.is_nan() => out.push_str("nan"),
        Value::Float(value) if value.is_infinite() => out.push_str(if *value > 0.0 { "inf" } else { "-inf" }),
        Value::Float(value) => {
            let mut text = Vec::new();
            write_f64(&mut text, *value);
            out.push_str(&String::from_utf8_lossy(&text));
        }
        Value::Str(text) => quote(out, text),
        Value::Surrogates(escaped) => {
            out.push('\'');
            out.push_str(escaped);
            out.push('\'');
        }
        Value::List(items) => {
            out.push('[');
            sequence(out, items, |out, item| write(out, item, limit));
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            sequence(out, entries, |out, (key, value)| {
                write(out, key, limit);
                out.push_str(": ");
                write(out, value, limit);
            });
            out.push('}');
        }
        Value::Typed(typed) => write_typed(out, typed),
        Value::Extension(code, bytes) => {
            out.push_str(&format!("ExtType(code={code}, data="));
            write_bytes(out, bytes);
            out.push(')');
        }
    }
}

fn sequence<T>(out: &mut String, items: &[T], mut each: impl FnMut(&mut String, &T)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        each(out, item);
    }
}

fn write_typed(out: &mut String, typed: &Typed) {
    let (class, text) = match typed {
        Typed::DateTime(text) => ("datetime", text),
        Typed::Date(text) => ("date", text),
        Typed::Time(text) => ("time", text),
        Typed::Decimal(text) => ("Decimal", text),
        Typed::Bytes(bytes) => return write_bytes(out, bytes),
        Typed::Uuid(_) => {
            out.push_str(&format!("UUID('{}')", typed.text().unwrap_or_default()));
            return;
        }
    };
    out.push_str(&format!("{class}('{text}')"));
}

/// A `str` in quotes: single ones, unless only double ones spare escapes. Printable characters stay.
fn quote(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_control() && u32::from(c) <= 0xff => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(quote);
}

fn write_bytes(out: &mut String, bytes: &[u8]) {
    out.push_str("b'");
    for byte in bytes {
        match byte {
            b'\'' => out.push_str("\\'"),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b' '..=b'~' => out.push(char::from(*byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_python_shows_it() {
        let value = Value::from_json(
            r#"[null, true, 1, 1.5, 1e22, NaN, "it's", "a\"'b\n\u0001é", {"k": []},
                {"__type__": "base64", "__value__": "/wAB"}, 12345678901234567890123]"#,
        )
        .unwrap();
        assert_eq!(
            value.repr(1024),
            r#"[None, True, 1, 1.5, 1e+22, nan, "it's", 'a"\'b\n\x01é', {'k': []}, b'\xff\x00\x01', 12345678901234567890123]"#
        );
    }

    #[test]
    fn long_ones_are_cut() {
        let long = Value::List(vec![Value::Str("é".repeat(5000)); 3]);
        let shown = long.repr(1024);
        assert_eq!(shown.chars().count(), 1024);
        assert!(shown.starts_with("['ééé") && shown.ends_with("é..."));
        assert_eq!(Value::Int(1).repr(1), "1");
    }
}
