//! The order of a dictionary's entries (`yaml/representer.py: represent_mapping`, `sort_keys`).

use std::cmp::Ordering;

use super::timestamp;
use crate::{Value, json::Typed};

/// A key that Python can compare with others of its kind.
enum Key<'a> {
    Int(i64),
    /// An integer beyond 64 bits.
    BigInt(&'a str),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Date(i64),
    /// Whether it has an offset, and when it is.
    DateTime(bool, i64),
}

impl<'a> Key<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        Some(match value {
            Value::Bool(value) => Self::Int(i64::from(*value)),
            Value::Int(value) => Self::Int(*value),
            Value::BigInt(digits) => Self::BigInt(digits),
            Value::Float(value) if !value.is_nan() => Self::Float(*value),
            Value::Str(text) => Self::Text(text),
            Value::Typed(Typed::Bytes(bytes)) => Self::Bytes(bytes),
            Value::Typed(Typed::Date(iso)) => Self::Date(timestamp::instant(iso)?.1),
            Value::Typed(Typed::DateTime(iso)) => {
                let (aware, at) = timestamp::instant(iso)?;
                Self::DateTime(aware, at)
            }
            _ => return None,
        })
    }

    /// Keys of one kind compare with each other, and with no others.
    fn kind(&self) -> u8 {
        match self {
            Self::Int(_) | Self::BigInt(_) | Self::Float(_) => 0,
            Self::Text(_) => 1,
            Self::Bytes(_) => 2,
            Self::Date(_) => 3,
            Self::DateTime(false, _) => 4,
            Self::DateTime(true, _) => 5,
        }
    }

    /// The order of two keys of one kind.
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b))
            | (Self::Date(a), Self::Date(b))
            | (Self::DateTime(_, a), Self::DateTime(_, b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::BigInt(a), Self::BigInt(b)) => compare_digits(a, b),
            // No integer within 64 bits is above one beyond, nor below a negative one.
            (Self::BigInt(a), Self::Int(_)) => sign(a),
            (Self::Int(_), Self::BigInt(b)) => sign(b).reverse(),
            _ => self.float().total_cmp(&other.float()),
        }
    }

    fn float(&self) -> f64 {
        match self {
            Self::Float(value) => *value,
            // The digits of an integer are a float too, rounded.
            Self::Int(value) => value.to_string().parse().unwrap_or_default(),
            Self::BigInt(digits) => digits.parse().unwrap_or_default(),
            _ => 0.0,
        }
    }
}

fn sign(digits: &str) -> Ordering {
    if digits.starts_with('-') { Ordering::Less } else { Ordering::Greater }
}

fn compare_digits(a: &str, b: &str) -> Ordering {
    match (a.strip_prefix('-'), b.strip_prefix('-')) {
        (None, None) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (Some(a), Some(b)) => b.len().cmp(&a.len()).then_with(|| b.cmp(a)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
    }
}

/// The entries in the order of their keys; when Python cannot compare them, as they are.
pub(super) fn sorted(entries: &[(Value, Value)]) -> Vec<&(Value, Value)> {
    let keys: Option<Vec<_>> = entries.iter().map(|entry| Some((Key::of(&entry.0)?, entry))).collect();
    match keys {
        Some(mut keys)
            if keys.windows(2).all(|pair| pair.iter().all(|(key, _)| Some(key.kind()) == kind_of(pair))) =>
        {
            keys.sort_by(|(a, _), (b, _)| a.compare(b));
            keys.into_iter().map(|(_, entry)| entry).collect()
        }
        _ => entries.iter().collect(),
    }
}

fn kind_of(keys: &[(Key<'_>, &(Value, Value))]) -> Option<u8> {
    keys.first().map(|(key, _)| key.kind())
}
