//! The header `expires`.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use crate::json::{write_seconds, write_string};

/// When a task expires, in one of the two forms of the wire.
#[derive(Debug, Clone, PartialEq)]
pub enum Expires {
    /// A moment: ISO 8601, what Celery writes.
    Iso(String),
    /// Seconds: other clients and messages of protocol 1.
    Seconds(f64),
}

impl Expires {
    /// Appends the JSON value.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Iso(text) => write_string(out, text),
            Self::Seconds(seconds) => write_seconds(out, *seconds),
        }
    }
}

impl<'de> Deserialize<'de> for Expires {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExpiresVisitor)
    }
}

struct ExpiresVisitor;

impl de::Visitor<'_> for ExpiresVisitor {
    type Value = Expires;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an ISO 8601 string or seconds")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Expires, E> {
        Ok(Expires::Iso(text.to_owned()))
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Expires, E> {
        Ok(Expires::Seconds(seconds))
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Expires, E> {
        Ok(Expires::Seconds(seconds as f64))
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Expires, E> {
        Ok(Expires::Seconds(seconds as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, TaskHeaders};

    #[test]
    fn a_captured_expiry_is_a_moment() {
        let message =
            Message::from_envelope(include_bytes!("../../../fixtures/envelope/task_options.json")).unwrap();
        let headers = TaskHeaders::decode(message.headers.get()).unwrap();
        assert!(matches!(headers.expires, Some(Expires::Iso(text)) if text.ends_with("+00:00")));
    }

    #[test]
    fn numbers_are_seconds() {
        for (text, seconds) in [("60", 60.0), ("-1", -1.0), ("0.5", 0.5)] {
            let expires: Expires = serde_json::from_str(text).unwrap();
            assert_eq!(expires, Expires::Seconds(seconds));
            let mut out = Vec::new();
            expires.write(&mut out);
            assert_eq!(out, text.as_bytes());
        }
        let error = serde_json::from_str::<Expires>("[]").unwrap_err();
        assert!(error.to_string().contains("an ISO 8601 string or seconds"));
    }
}
