//! `NaN` and `Infinity`, which Python writes into JSON.

use std::borrow::Cow;

use super::span;
use crate::{Error, limits::check_depth};

/// JSON text, and the same text of the same length in which a parser finds numbers for `NaN` and `Infinity`.
///
/// Celery tasks return and take such floats (`json.dumps(float("nan"))` is `NaN`), no JSON parser does. So the
/// parser reads [`Finite::masked`], and what it cuts out is taken from the original at the same place.
pub(crate) struct Finite<'a> {
    original: &'a str,
    masked: Cow<'a, str>,
}

impl<'a> Finite<'a> {
    /// Text that is parsed as it is.
    pub(crate) fn strict(original: &'a str) -> Self {
        Self { original, masked: Cow::Borrowed(original) }
    }

    /// Text with `NaN` and `Infinity` masked; `None` when it holds neither outside of strings.
    pub(crate) fn lenient(original: &'a str) -> Option<Self> {
        let masked = mask(original)?;
        Some(Self { original, masked: Cow::Owned(masked) })
    }

    /// What the parser reads.
    pub(crate) fn masked(&self) -> &str {
        &self.masked
    }

    /// The original text of a `slice` of [`Finite::masked`].
    pub(crate) fn original_of(&self, slice: &str) -> &'a str {
        // Both texts have the same length, and the same characters but for ASCII tokens.
        self.original.get(span(&self.masked, slice)).unwrap_or_default()
    }
}

/// Runs `read` over the text, a second time with `NaN` and `Infinity` masked if it fails and the text holds one.
pub(crate) fn read_lenient<'a, T>(
    object: &'static str,
    text: &'a str,
    read: impl Fn(&Finite<'a>) -> Result<T, Error>,
) -> Result<T, Error> {
    check_depth(object, text)?;
    match read(&Finite::strict(text)) {
        Err(error @ Error::Json { .. }) => match Finite::lenient(text) {
            Some(finite) => read(&finite),
            None => Err(error),
        },
        done => done,
    }
}

/// Replaces the tokens by numbers of the same length.
fn mask(text: &str) -> Option<String> {
    const TOKENS: [(&str, &str); 2] = [("NaN", "100"), ("Infinity", "10000000")];
    let mut masked = String::new();
    let mut copied = 0;
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            // What was replaced may hold the beginning of another: `NaNaN`.
            b'N' | b'I' if !in_string && at >= copied => {
                let tail = &text[at..];
                if let Some((token, number)) = TOKENS.iter().find(|(token, _)| tail.starts_with(token)) {
                    masked.push_str(&text[copied..at]);
                    masked.push_str(number);
                    copied = at + token.len();
                }
            }
            _ => {}
        }
    }
    if copied == 0 {
        return None;
    }
    masked.push_str(&text[copied..]);
    Some(masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_tokens_outside_of_strings() {
        let text = r#"[NaN, -Infinity, "NaN \" Infinity", {"Infinity": Infinity}]"#;
        let finite = Finite::lenient(text).unwrap();
        assert_eq!(finite.masked(), r#"[100, -10000000, "NaN \" Infinity", {"Infinity": 10000000}]"#);
        assert_eq!(finite.original_of(&finite.masked()[1..15]), "NaN, -Infinity");
    }

    #[test]
    fn tokens_that_overlap_are_no_tokens_of_their_own() {
        assert_eq!(Finite::lenient("[NaNaN]").unwrap().masked(), "[100aN]");
        assert!(
            read_lenient("text", "NaNaN", |text| {
                serde_json::from_str::<f64>(text.masked()).map_err(Error::json("text"))
            })
            .is_err()
        );
    }

    #[test]
    fn leaves_the_rest_alone() {
        assert!(Finite::lenient(r#"["NaN", 1]"#).is_none());
        assert!(Finite::lenient("[Nan, Inf]").is_none());
        assert_eq!(Finite::strict("[1]").original_of("x"), "");
    }
}
