//! The kinds of values.

use crate::{Error, json::Typed};

/// A Python value, in whichever serialiser it came or goes: arguments, results, options of a signature.
///
/// ```
/// use celery_protocol::{Value, to_value, from_value};
///
/// let value = to_value(&(1, "two", [3.0]))?;
/// assert_eq!(value.to_json()?, r#"[1, "two", [3.0]]"#);
/// let (one, two, three): (i64, String, Vec<f64>) = from_value(value)?;
/// # Ok::<(), celery_protocol::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum Value {
    /// `None`.
    #[default]
    Null,
    /// `bool`.
    Bool(bool),
    /// `int`, within 64 bits.
    Int(i64),
    /// `int` beyond 64 bits, as its decimal digits with an optional sign.
    BigInt(Box<str>),
    /// `float`. JSON and YAML carry `nan` and the infinities too.
    Float(f64),
    /// `str`.
    Str(String),
    /// `str` with lone surrogates, which no UTF-8 has: what JSON writes between the quotes. Python makes them of
    /// undecodable file names (`surrogateescape`). Only JSON carries them.
    Surrogates(Box<str>),
    /// `list`; a `tuple` becomes one in every serialiser but pickle.
    List(Vec<Value>),
    /// `dict`, in its order. JSON has string keys only; Python turns numbers, `None` and booleans into strings.
    Map(Vec<(Value, Value)>),
    /// A value that kombu marks with its type in JSON; msgpack has its own form for bytes, YAML for bytes and dates.
    Typed(Typed),
    /// An extension of MessagePack: its type and its bytes.
    Extension(i8, Box<[u8]>),
}

impl Value {
    /// Reads JSON text, NaN and integers of any length included (`kombu/utils/json.py: loads`).
    ///
    /// Memory: at most 64 bytes allocated for each byte of the text.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`], [`Error::TooDeep`], and those of typed values: [`Error::UnknownType`] and the like.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        crate::json::parse("json", text, &mut super::build::ValueBuilder)
    }

    /// Writes JSON text as kombu writes it (`kombu/utils/json.py: dumps`).
    ///
    /// # Errors
    ///
    /// [`Error::NotSerializable`] for dictionary keys that Python refuses, and for MessagePack's extensions.
    pub fn to_json(&self) -> Result<String, Error> {
        let mut out = Vec::with_capacity(64);
        self.write_json(&mut out)?;
        // What is written is ASCII.
        Ok(String::from_utf8(out).unwrap_or_default())
    }

    /// The value as Python's `repr` shows it, cut after `limit` characters with `...` as the last three
    /// (what `argsrepr` holds; `celery/utils/saferepr.py` cuts inside of containers instead).
    pub fn repr(&self, limit: usize) -> String {
        super::repr::repr(self, limit)
    }

    /// The text of a `str`.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of a `list`.
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a `dict`.
    pub fn as_map(&self) -> Option<&[(Self, Self)]> {
        match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// What a `dict` holds under a string key. Of a repeated key the last one counts, as in Python.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.iter().rev().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// Whether it counts as false in Python: `None`, `False`, zero and whatever is empty.
    pub fn is_falsy(&self) -> bool {
        match self {
            Self::Null | Self::Bool(false) | Self::Int(0) => true,
            Self::Float(value) => *value == 0.0,
            Self::Str(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Map(entries) => entries.is_empty(),
            Self::Typed(Typed::Bytes(bytes)) => bytes.is_empty(),
            _ => false,
        }
    }

    /// What it is, for messages to people.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "None",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an int",
            Self::BigInt(_) => "an int beyond 64 bits",
            Self::Float(_) => "a float",
            Self::Str(_) => "a str",
            Self::Surrogates(_) => "a str with lone surrogates",
            Self::List(_) => "a list",
            Self::Map(_) => "a dict",
            Self::Typed(typed) => typed.kind(),
            Self::Extension(..) => "an extension of msgpack",
        }
    }
}
