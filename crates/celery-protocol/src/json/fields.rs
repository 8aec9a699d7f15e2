//! The fields of an object, their values uncut.

use std::{borrow::Cow, fmt, ops::Range};

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::Key;

/// The fields of one JSON object in the order of the text, the values as they are written there.
#[derive(Debug)]
pub(crate) struct Fields<'de>(Vec<(Cow<'de, str>, &'de RawValue)>);

impl<'de> Fields<'de> {
    /// The text of a value. Of a repeated key the last one counts, as in Python.
    pub(crate) fn get(&self, key: &str) -> Option<&'de str> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.get())
    }

    /// The text of a value that is there and not null.
    pub(crate) fn get_some(&self, key: &str) -> Option<&'de str> {
        self.get(key).filter(|text| *text != "null")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'de str)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value.get()))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> de::Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::with_capacity(16);
        while let Some(Key(key)) = map.next_key()? {
            fields.push((key, map.next_value()?));
        }
        Ok(Fields(fields))
    }
}

/// Where the slice `inner` of `outer` lies in it.
pub(crate) fn span(outer: &str, inner: &str) -> Range<usize> {
    let start = (inner.as_ptr() as usize).wrapping_sub(outer.as_ptr() as usize);
    start..start.wrapping_add(inner.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_repeated_key_counts() {
        let text = r#"{"a": 1, "\u00e9": [2, 3], "a": null}"#;
        let fields: Fields<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(fields.get("a"), Some("null"));
        assert_eq!(fields.get_some("a"), None);
        assert_eq!(fields.get("é"), Some("[2, 3]"));
        assert_eq!(fields.len(), 3);
        assert_eq!(&text[span(text, fields.get("é").unwrap())], "[2, 3]");
    }
}
