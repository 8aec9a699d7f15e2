//! What `unacked` keeps of a message.

use bytes::Bytes;
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

    /// The raw bytes, marked as redelivered where they are an envelope.
    pub(super) fn redelivered(&self) -> Bytes {
        celery_protocol::message::mark_redelivered(&self.raw).map_or_else(|_| self.raw.clone(), Bytes::from)
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
    fn null_exchange() {
        assert_eq!(Triple::parse(br#"[{}, null, "q"]"#).unwrap().exchange, "");
    }
}
