//! Dictionaries with repeated keys.

use std::collections::HashMap;

use crate::{Value, json::Typed};

/// What two keys have in common when Python takes them for equal: `1`, `1.0` and `True` are.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Null,
    Int(i64),
    Float(u64),
    Text(&'a str),
    Digits(&'a str),
    Bytes(&'a [u8]),
    Other(&'static str, String),
}

impl<'a> Key<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Int(i64::from(*value)),
            Value::Int(value) => Self::Int(*value),
            Value::Float(value) => match whole(*value) {
                Some(whole) => Self::Int(whole),
                None => Self::Float(value.to_bits()),
            },
            Value::Str(text) => Self::Text(text),
            Value::BigInt(digits) => Self::Digits(digits),
            Value::Typed(Typed::Bytes(bytes)) => Self::Bytes(bytes),
            other => Self::Other(other.kind(), other.repr(usize::MAX / 8)),
        }
    }
}

/// The integer that a float is equal to, as far as floats are exact.
fn whole(value: f64) -> Option<i64> {
    let exact = value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0;
    if exact { format!("{value:.0}").parse().ok() } else { None }
}

/// A `dict` of the entries: of a repeated key the last value counts, at the place of the first.
pub(crate) fn last_wins(mut entries: Vec<(Value, Value)>) -> Vec<(Value, Value)> {
    let mut first = HashMap::with_capacity(entries.len());
    let mut repeated = Vec::new();
    for (index, (key, _)) in entries.iter().enumerate() {
        match first.entry(Key::of(key)) {
            std::collections::hash_map::Entry::Occupied(place) => repeated.push((*place.get(), index)),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(index);
            }
        }
    }
    if repeated.is_empty() {
        return entries;
    }
    drop(first);
    let mut gone = vec![false; entries.len()];
    for (first, again) in repeated {
        let value = entries.get_mut(again).map(|(_, value)| std::mem::take(value));
        if let (Some((_, slot)), Some(value)) = (entries.get_mut(first), value) {
            *slot = value;
        }
        if let Some(gone) = gone.get_mut(again) {
            *gone = true;
        }
    }
    let mut gone = gone.into_iter();
    entries.retain(|_| !gone.next().unwrap_or_default());
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_stands_at_the_first_place() {
        let entry = |key: Value, value: i32| (key, Value::from(value));
        let entries = vec![
            entry("a".into(), 1),
            entry(Value::Int(1), 2),
            entry("a".into(), 3),
            entry(Value::Float(1.0), 4),
            entry(Value::Bool(true), 5),
            entry("1".into(), 6),
            entry(Value::Float(1.5), 7),
            entry("a".into(), 8),
        ];
        let expected = vec![
            entry("a".into(), 8),
            entry(Value::Int(1), 5),
            entry("1".into(), 6),
            entry(Value::Float(1.5), 7),
        ];
        assert_eq!(last_wins(entries), expected);
    }
}
