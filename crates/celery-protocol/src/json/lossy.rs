//! Strings that Python can hold and Rust cannot.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// A string whose lone surrogates, which no UTF-8 has, are replaced by U+FFFD.
///
/// Python makes them of undecodable file names (`surrogateescape`), and Celery shows arguments as they are
/// (`celery/utils/saferepr.py`). Such a task must still be taken.
pub(crate) struct LossyString(pub(crate) String);

impl<'de> Deserialize<'de> for LossyString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Asked for bytes, `serde_json` passes surrogates on.
        deserializer.deserialize_bytes(LossyVisitor)
    }
}

struct LossyVisitor;

impl de::Visitor<'_> for LossyVisitor {
    type Value = LossyString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<LossyString, E> {
        Ok(LossyString(String::from_utf8_lossy(bytes).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, StoredMeta, TaskHeaders};

    #[test]
    fn a_captured_task_with_a_lone_surrogate_is_taken() {
        let message =
            Message::from_envelope(include_bytes!("../../fixtures/envelope/task_surrogate.json")).unwrap();
        let headers = TaskHeaders::decode(message.headers.get()).unwrap();
        assert_eq!(headers.argsrepr.unwrap(), "('\u{fffd}\u{fffd}\u{fffd}.txt',)");
    }

    #[test]
    fn a_captured_traceback_with_a_lone_surrogate_is_read() {
        let raw = include_bytes!("../../fixtures/result/plain/failure_surrogate.json");
        let meta = StoredMeta::decode(raw).unwrap();
        assert!(meta.traceback.unwrap().ends_with("ValueError: \u{fffd}\u{fffd}\u{fffd}.txt\n"));
        assert!(meta.result.contains(r#"["\udcff.txt"]"#));
    }

    #[test]
    fn other_strings_stay_whole() {
        for text in ["", "plain", "é \u{1f600} \n"] {
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<LossyString>(&json).unwrap().0, text);
        }
        assert!(serde_json::from_str::<LossyString>("1").is_err());
    }
}
