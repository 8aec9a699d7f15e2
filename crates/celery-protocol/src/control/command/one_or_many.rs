//! One string, or a list of them.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use crate::json::{write_names, write_string};

/// One string, or a list of them: ids, stamps (`celery/utils/functional.py: maybe_list`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OneOrMany {
    /// `"id"`
    One(String),
    /// `["id", "id"]`
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::One(text) => write_string(out, text),
            Self::Many(texts) => write_names(out, texts),
        }
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> de::Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(OneOrMany::One(text.to_owned()))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = seq.next_element()? {
            texts.push(text);
        }
        Ok(OneOrMany::Many(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        for (text, slice) in [(r#""a""#, vec!["a"]), (r#"["a", "b"]"#, vec!["a", "b"]), ("[]", vec![])] {
            let value: OneOrMany = serde_json::from_str(text).unwrap();
            assert_eq!(value.as_slice(), slice);
            let mut out = Vec::new();
            value.write(&mut out);
            assert_eq!(out, text.as_bytes());
        }
        assert!(serde_json::from_str::<OneOrMany>("[1]").is_err());
    }
}
