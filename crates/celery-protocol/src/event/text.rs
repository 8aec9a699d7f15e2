//! Strings that are borrowed where they can be.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, de};

/// A string that stays in the input unless it holds escapes. Lone surrogates, which Python can write and no
/// UTF-8 has, are replaced by U+FFFD.
pub(crate) struct Text<'de>(pub(crate) Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Asked for bytes, `serde_json` passes surrogates on.
        deserializer.deserialize_bytes(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> de::Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<Text<'de>, E> {
        Ok(Text(String::from_utf8_lossy(bytes)))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(String::from_utf8_lossy(bytes).into_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Cow<'_, str> {
        serde_json::from_str::<Text<'_>>(json).unwrap().0
    }

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(read(r#""plain é""#), Cow::Borrowed("plain é")));
        assert!(matches!(read(r#""a\nb""#), Cow::Owned(_)));
        assert_eq!(read(r#""a\nb""#), "a\nb");
    }

    #[test]
    fn lone_surrogates_are_replaced() {
        assert_eq!(read(r#""\udcff.txt""#), "\u{fffd}\u{fffd}\u{fffd}.txt");
        assert!(serde_json::from_str::<Text<'_>>("[1]").is_err());
    }
}
