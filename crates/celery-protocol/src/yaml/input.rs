//! The text of a stream (`yaml/reader.py: Reader`).

use std::borrow::Cow;

use super::{NAME, malformed};
use crate::Error;

/// Decodes UTF-8, or UTF-16 by its byte order mark, and refuses what is not printable.
pub(super) fn text(data: &[u8]) -> Result<Cow<'_, str>, Error> {
    let text = match data {
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)?),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)?),
        _ => match std::str::from_utf8(data) {
            Ok(text) => Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)),
            Err(source) => return Err(Error::Utf8 { object: NAME, source }),
        },
    };
    match text.chars().find(|character| !is_printable(*character)) {
        Some(character) => {
            Err(malformed(format!("the character U+{:04X} is not allowed", u32::from(character))))
        }
        None => Ok(text),
    }
}

fn utf16(data: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Error> {
    let (pairs, rest) = data.as_chunks::<2>();
    let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect();
    text.ok().filter(|_| rest.is_empty()).ok_or_else(|| malformed("it is not UTF-16"))
}

/// `Reader.NON_PRINTABLE`
fn is_printable(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}'
        | '\u{10000}'..)
}
