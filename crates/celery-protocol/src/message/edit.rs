//! Changing single fields of an envelope's text, so that every other byte stays.

use std::ops::Range;

use crate::{
    Error,
    json::{Fields, span},
};

const OBJECT: &str = "envelope";

/// The text of an envelope, and what is to change in it.
pub(super) struct Edits<'a> {
    text: &'a str,
    envelope: Fields<'a>,
    edits: Vec<(Range<usize>, String)>,
}

impl<'a> Edits<'a> {
    /// Reads `raw`.
    pub(super) fn of(raw: &'a [u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(raw).map_err(|source| Error::Utf8 { object: OBJECT, source })?;
        Ok(Self { text, envelope: parse(text)?, edits: Vec::with_capacity(2) })
    }

    /// The headers, unless they are absent or null.
    pub(super) fn headers(&self) -> Option<&'a str> {
        self.envelope.get_some("headers")
    }

    /// The delivery info among the properties, unless it is absent or null.
    pub(super) fn delivery_info(&self) -> Result<Option<&'a str>, Error> {
        match self.envelope.get_some("properties") {
            Some(properties) => Ok(parse(properties)?.get_some("delivery_info")),
            None => Ok(None),
        }
    }

    /// Sets fields of `object`, one of the above, to values that are JSON: where they are, or at its end. Once for each
    /// object.
    pub(super) fn set(&mut self, object: &str, fields: &[(&str, &str)]) -> Result<(), Error> {
        let there = parse(object)?;
        let mut more = String::new();
        for (name, value) in fields {
            if let Some(old) = there.get(name) {
                self.edits.push((span(self.text, old), (*value).to_owned()));
            } else {
                let comma = if there.len() == 0 && more.is_empty() { "" } else { ", " };
                more.extend([comma, "\"", name, "\": ", value]);
            }
        }
        if !more.is_empty() {
            let closing = span(self.text, object).end - 1;
            self.edits.push((closing..closing, more));
        }
        Ok(())
    }

    /// The changed text.
    pub(super) fn apply(mut self) -> Vec<u8> {
        // From the end, so that an edit moves no other.
        self.edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        let mut text = self.text.to_owned();
        for (range, replacement) in self.edits {
            text.replace_range(range, &replacement);
        }
        text.into_bytes()
    }
}

/// The fields of an object.
pub(super) fn parse(text: &str) -> Result<Fields<'_>, Error> {
    serde_json::from_str(text).map_err(Error::json(OBJECT))
}
