//! The fields of an object, their values uncut.

use std::{borrow::Cow, cell::OnceCell, fmt, ops::Range};

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::Key;

/// The fields of one JSON object in the order of the text, the values as they are written there.
#[derive(Debug)]
pub(crate) struct Fields<'de> {
    entries: Vec<(Cow<'de, str>, &'de RawValue)>,
    /// The places of the entries in the order of their keys, made when many are looked through.
    sorted: OnceCell<Vec<usize>>,
}

/// Up to so many fields are looked through one by one.
const FEW: usize = 64;

impl<'de> Fields<'de> {
    /// The text of a value. Of a repeated key the last one counts, as in Python.
    pub(crate) fn get(&self, key: &str) -> Option<&'de str> {
        let found = if self.entries.len() <= FEW {
            self.entries.iter().rev().find(|(name, _)| name == key)
        } else {
            self.search(key)
        };
        found.map(|(_, value)| value.get())
    }

    /// Finds the last entry of a key among many: whoever asks for each of them waits no longer than for sorting them.
    fn search(&self, key: &str) -> Option<&(Cow<'de, str>, &'de RawValue)> {
        let name = |place: &usize| self.entries.get(*place).map(|(name, _)| name.as_ref());
        let sorted = self.sorted.get_or_init(|| {
            let mut places: Vec<usize> = (0..self.entries.len()).collect();
            // Equal keys stay in their order.
            places.sort_by(|one, other| name(one).cmp(&name(other)));
            places
        });
        let end = sorted.partition_point(|place| name(place) <= Some(key));
        let last = sorted.get(end.checked_sub(1)?)?;
        self.entries.get(*last).filter(|(name, _)| name == key)
    }

    /// The text of a value that is there and not null.
    pub(crate) fn get_some(&self, key: &str) -> Option<&'de str> {
        self.get(key).filter(|text| *text != "null")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'de str)> {
        self.entries.iter().map(|(key, value)| (key.as_ref(), value.get()))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
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
        let mut entries = Vec::with_capacity(16);
        while let Some(Key(key)) = map.next_key()? {
            entries.push((key, map.next_value()?));
        }
        Ok(Fields { entries, sorted: OnceCell::new() })
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

    #[test]
    fn many_fields_are_found_as_few_are() {
        let entries: Vec<String> =
            (0..300).map(|number| format!(r#""{}": {number}"#, number % 100)).collect();
        let text = format!("{{{}}}", entries.join(", "));
        let fields: Fields<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (fields.get("0"), fields.get("7"), fields.get("99")),
            (Some("200"), Some("207"), Some("299"))
        );
        assert_eq!((fields.get(""), fields.get("x"), fields.get("100")), (None, None, None));
    }
}
