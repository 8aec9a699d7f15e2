//! Replies that are lists.

use serde_json::value::RawValue;

use crate::{
    Error,
    json::{Finite, read_lenient, write_names},
};

/// Reads a list of strings: what `registered` and `revoked` answer.
///
/// # Errors
///
/// [`Error::Json`] when it is none.
pub fn decode_names(value: &str) -> Result<Vec<String>, Error> {
    serde_json::from_str(value).map_err(Error::json("list of names"))
}

/// Writes a list of strings.
pub fn encode_names(names: &[String]) -> String {
    let mut out = Vec::with_capacity(names.len() * 40 + 2);
    write_names(&mut out, names);
    // What is written is ASCII.
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads a list of objects, each by `read`.
pub(super) fn decode_list<T>(
    object: &'static str,
    value: &str,
    read: impl Fn(&str) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let parts = read_lenient(object, value, |text: &Finite<'_>| {
        let parts: Vec<&RawValue> = serde_json::from_str(text.masked()).map_err(Error::json(object))?;
        Ok(parts.into_iter().map(|part| text.original_of(part.get()).to_owned()).collect::<Vec<_>>())
    })?;
    parts.iter().map(|part| read(part)).collect()
}

/// Writes a list of objects, each by `write`.
pub(super) fn encode_list<T>(items: &[T], write: impl Fn(&T, &mut Vec<u8>)) -> String {
    let mut out = Vec::with_capacity(items.len() * 320 + 2);
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b", ");
        }
        write(item, &mut out);
    }
    out.push(b']');
    // What is written is ASCII, but for JSON that the caller gave, which is text.
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{super::testing::value_of, *};

    #[test]
    fn captured_lists_come_back_byte_for_byte() {
        let captured: [&[u8]; 3] = [
            include_bytes!("../../../fixtures/control/reply/registered.json"),
            include_bytes!("../../../fixtures/control/reply/registered_items.json"),
            include_bytes!("../../../fixtures/control/reply/revoked.json"),
        ];
        for body in captured {
            let value = value_of(body);
            let names = decode_names(&value).unwrap();
            assert!(names.len() > 1);
            assert_eq!(encode_names(&names), value);
        }
        assert!(decode_names("[1]").is_err());
    }
}
