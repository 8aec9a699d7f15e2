//! What `unacked` keeps of a message.

use bytes::Bytes;
use celery_protocol::message::{deliveries, mark_deliveries, mark_redelivered};
use serde_json::value::RawValue;

/// A value of the hash `unacked`: `[raw, exchange, routing_key]`.
///
/// Source: `kombu/transport/redis.py: QoS.append`. `raw` is the envelope itself, JSON inside JSON. Bytes that are no JSON
/// object are kept by `fetch.lua` as a string with one character (U+0000 to U+00FF) for each byte.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Triple {
    pub(super) raw: Bytes,
    pub(super) exchange: String,
    pub(super) routing_key: String,
}

impl Triple {
    /// Reads a value of the hash.
    pub(super) fn parse(value: &[u8]) -> Result<Self, serde_json::Error> {
        Self::parse_json(value).or_else(|error| Self::cut(value).ok_or(error))
    }

    /// Takes the text apart: an envelope that Python reads need not be JSON (`NaN`), and it must not get lost for that.
    fn cut(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        // The route is the two strings at the end. Its own text may have the same separator, but not often.
        for (place, _) in text.rmatch_indices(", \"").take(64) {
            let route = format!("[{}", &text[place + 2..]);
            if let Ok((exchange, routing_key)) = serde_json::from_str::<(String, String)>(&route) {
                let raw = text[..place].strip_prefix('[')?.as_bytes();
                return Some(Self { raw: Bytes::copy_from_slice(raw), exchange, routing_key });
            }
        }
        None
    }

    fn parse_json(value: &[u8]) -> Result<Self, serde_json::Error> {
        let (raw, exchange, routing_key): (&RawValue, Option<String>, Option<String>) =
            serde_json::from_slice(value)?;
        let raw = if raw.get().starts_with('"') {
            let text: String = serde_json::from_str(raw.get())?;
            match text
                .chars()
                .map(|character| u8::try_from(u32::from(character)))
                .collect::<Result<Vec<u8>, _>>()
            {
                Ok(bytes) => Bytes::from(bytes),
                Err(_) => Bytes::from(text),
            }
        } else {
            Bytes::copy_from_slice(raw.get().as_bytes())
        };
        Ok(Self { raw, exchange: exchange.unwrap_or_default(), routing_key: routing_key.unwrap_or_default() })
    }

    /// The raw bytes with one delivery more, where they are an envelope; and how many those are.
    pub(super) fn delivered(&self) -> (Bytes, u32) {
        let count = deliveries(&self.raw).saturating_add(1);
        (mark_deliveries(&self.raw, count).map_or_else(|_| self.raw.clone(), Bytes::from), count)
    }

    /// The raw bytes, marked as redelivered where they are an envelope.
    pub(super) fn redelivered(&self) -> Bytes {
        mark_redelivered(&self.raw).map_or_else(|_| self.raw.clone(), Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelope_bytes_stay_as_they_are() {
        let triple = Triple::parse(br#"[{"body":  "x", "properties": {}}, "", "celery"]"#).unwrap();
        assert_eq!(triple.raw, &br#"{"body":  "x", "properties": {}}"#[..]);
        assert_eq!((triple.exchange.as_str(), triple.routing_key.as_str()), ("", "celery"));
    }

    #[test]
    fn other_bytes_come_back() {
        let triple = Triple::parse(br#"["a\u0000\u00ff\u0022", "", "q"]"#).unwrap();
        assert_eq!(triple.raw, &b"a\0\xff\""[..]);
        assert_eq!(triple.redelivered(), triple.raw);
    }

    #[test]
    fn what_is_no_json_to_us_is_cut() {
        let raw = r#"{"body": ", \"x\"", "headers": {"a": NaN}}"#;
        for (exchange, key) in [("", "celery"), ("a, \"b", "c\\\"]")] {
            let value = format!("[{raw}, {}, {}]", serde_json::json!(exchange), serde_json::json!(key));
            let triple = Triple::parse(value.as_bytes()).unwrap();
            assert_eq!(
                (&triple.raw[..], &*triple.exchange, &*triple.routing_key),
                (raw.as_bytes(), exchange, key)
            );
            assert_eq!(triple.redelivered(), triple.raw);
        }
        for broken in ["", "[", "NaN", "[NaN, \"a\"]", "[NaN, null, \"q\"]"] {
            assert!(Triple::parse(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn null_exchange() {
        assert_eq!(Triple::parse(br#"[{}, null, "q"]"#).unwrap().exchange, "");
    }
}
