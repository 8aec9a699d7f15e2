//! Values to YAML as `safe_dump` writes it (`yaml/representer.py: SafeRepresenter`, `yaml/emitter.py: Emitter`).

use std::borrow::Cow;

use super::{
    NAME,
    emit::Emitter,
    resolve::{Tag, resolve},
    sort::sorted,
    style::{Analysis, Style},
    timestamp,
};
use crate::{
    Error, MAX_DEPTH, Value, base64_text,
    json::{Typed, write_f64},
};

/// A key longer than this, its tag included, is written after `?`.
const SIMPLE_KEY: usize = 128;

/// How many bytes of binary data a line of base64 holds (`base64.encodebytes`).
const BINARY_LINE: usize = 57;

/// Writes a document: block style, sorted keys, ASCII only, and no anchors, for values share nothing.
pub(crate) fn encode(value: &Value) -> Result<Vec<u8>, Error> {
    let mut writer = Writer { emitter: Emitter::new() };
    writer.node(value, Place::Root, 0)?;
    let mut emitter = writer.emitter;
    emitter.write_indent();
    if emitter.open_ended {
        emitter.indicator("...", true, false);
        emitter.write_indent();
    }
    Ok(emitter.out.into_bytes())
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Item,
    /// A key after `?`, or the value of a key.
    Entry,
    /// A key before `:`.
    SimpleKey,
}

/// A value that is no container, as a text with its tag.
struct Scalar<'a> {
    tag: Tag,
    text: Cow<'a, str>,
}

struct Writer {
    emitter: Emitter,
}

impl Writer {
    fn node(&mut self, value: &Value, place: Place, depth: usize) -> Result<(), Error> {
        match value {
            Value::List(items) if items.is_empty() => self.empty("[", "]"),
            Value::Map(entries) if entries.is_empty() => self.empty("{", "}"),
            Value::List(_) | Value::Map(_) if depth >= MAX_DEPTH => {
                return Err(Error::TooDeep { object: NAME, limit: MAX_DEPTH });
            }
            Value::List(items) => return self.list(items, place, depth),
            Value::Map(entries) => return self.map(entries, depth),
            scalar => self.scalar(&represent(scalar)?, place),
        }
        Ok(())
    }

    fn list(&mut self, items: &[Value], place: Place, depth: usize) -> Result<(), Error> {
        let indentless = place == Place::Entry && !self.emitter.indention;
        let before = self.emitter.increase_indent(false, indentless);
        for item in items {
            self.emitter.write_indent();
            self.emitter.indicator("-", true, true);
            self.node(item, Place::Item, depth + 1)?;
        }
        self.emitter.dedent(before);
        Ok(())
    }

    fn map(&mut self, entries: &[(Value, Value)], depth: usize) -> Result<(), Error> {
        let before = self.emitter.increase_indent(false, false);
        for (key, value) in sorted(entries) {
            self.emitter.write_indent();
            self.key(key)?;
            self.node(value, Place::Entry, depth + 1)?;
        }
        self.emitter.dedent(before);
        Ok(())
    }

    fn empty(&mut self, open: &str, close: &str) {
        self.emitter.indicator(open, true, false);
        self.emitter.indicator(close, false, false);
    }

    /// A key and its `:`.
    fn key(&mut self, key: &Value) -> Result<(), Error> {
        if matches!(key, Value::List(_) | Value::Map(_)) {
            return Err(Error::NotSerializable { serializer: NAME, value: "such a dictionary key" });
        }
        let key = represent(key)?;
        let analysis = Analysis::of(&key.text);
        let len = key.tag.text().len() + key.text.chars().count();
        if len < SIMPLE_KEY && !analysis.empty && !analysis.multiline {
            self.scalar(&key, Place::SimpleKey);
            self.emitter.indicator(":", false, false);
        } else {
            self.emitter.indicator("?", true, true);
            self.scalar(&key, Place::Entry);
            self.emitter.write_indent();
            self.emitter.indicator(":", true, true);
        }
        Ok(())
    }

    fn scalar(&mut self, scalar: &Scalar<'_>, place: Place) {
        let simple_key = place == Place::SimpleKey;
        let implicit = scalar.tag == resolve(&scalar.text);
        let literal = scalar.tag == Tag::Binary;
        let style = Analysis::of(&scalar.text).choose(implicit, literal, simple_key);
        // What is quoted is a string, if no tag says otherwise.
        if if style == Style::Plain { !implicit } else { scalar.tag != Tag::Str } {
            self.emitter.indicator(scalar.tag.text(), true, false);
        }
        let before = self.emitter.increase_indent(true, false);
        match style {
            Style::Plain => {
                self.emitter.open_ended |= place == Place::Root;
                self.emitter.plain(&scalar.text, !simple_key);
            }
            Style::Single => self.emitter.single_quoted(&scalar.text, !simple_key),
            Style::Double => self.emitter.double_quoted(&scalar.text, !simple_key),
            Style::Literal => self.emitter.literal(&scalar.text),
        }
        self.emitter.dedent(before);
    }
}

fn represent(value: &Value) -> Result<Scalar<'_>, Error> {
    let no_form = || Error::NotSerializable { serializer: NAME, value: value.kind() };
    let (tag, text) = match value {
        Value::Null => (Tag::Null, "null".into()),
        Value::Bool(value) => (Tag::Bool, if *value { "true" } else { "false" }.into()),
        Value::Int(value) => (Tag::Int, value.to_string().into()),
        Value::BigInt(digits) => (Tag::Int, Cow::Borrowed(&**digits)),
        Value::Float(value) => (Tag::Float, float(*value)),
        Value::Str(text) => (Tag::Str, Cow::Borrowed(&**text)),
        Value::Typed(Typed::Bytes(bytes)) => (Tag::Binary, binary(bytes).into()),
        Value::Typed(Typed::DateTime(iso) | Typed::Date(iso)) => {
            (Tag::Timestamp, timestamp::written(iso).ok_or_else(no_form)?.into())
        }
        Value::Surrogates(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Extension(..)
        | Value::Typed(Typed::Time(_) | Typed::Decimal(_) | Typed::Uuid(_)) => return Err(no_form()),
    };
    Ok(Scalar { tag, text })
}

/// `repr`, with a point before the exponent (`represent_float`).
fn float(value: f64) -> Cow<'static, str> {
    if value.is_nan() {
        return ".nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.into();
    }
    let mut out = Vec::new();
    write_f64(&mut out, value);
    let text = String::from_utf8(out).unwrap_or_default();
    if text.contains('.') { text.into() } else { text.replacen('e', ".0e", 1).into() }
}

/// Base64 in lines, each with its end (`represent_binary`).
fn binary(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len() / 2 * 3 + 4);
    for line in bytes.chunks(BINARY_LINE) {
        base64_text::encode(&mut out, line);
        out.push(b'\n');
    }
    String::from_utf8(out).unwrap_or_default()
}
