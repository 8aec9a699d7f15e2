//! Messages of sorted sets, which are not quite kombu's.

use std::borrow::Cow;

use celery_protocol::{Error, Message, message::mark_deliveries};
use serde::Deserialize;
use serde_json::Value;

/// Reads the payload of a message that came from `queue`, `delivered` times before.
///
/// celery-redis-plus writes kombu's envelope. celery-asyncio leaves out `delivery_info` and says in the headers, not in the
/// properties, that a body is in base64.
///
/// Source: `celery_redis_plus/transport.py: Channel._mark_redelivered`; celery-asyncio 6.0.0a6,
/// `kombu/transport/valkey_redis.py: Channel._deliver_to_consumer`.
pub(super) fn message(payload: &[u8], queue: &str, delivered: u32) -> Result<Message, Error> {
    let mut raw = with_body_encoding(payload);
    if delivered > 0
        && let Ok(marked) = mark_deliveries(&raw, delivered)
    {
        raw = Cow::Owned(marked);
    }
    let mut message = Message::from_envelope(&raw)?;
    let info = &mut message.properties.delivery_info;
    if info.routing_key.is_empty() {
        queue.clone_into(&mut info.routing_key);
    }
    if delivered > 0 {
        info.redelivered = Some(true);
    }
    Ok(message)
}

/// Moves `body_encoding` from the headers to where kombu has it. Only for bodies that are no text, which are rare.
fn with_body_encoding(payload: &[u8]) -> Cow<'_, [u8]> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        headers: Headers<'a>,
    }
    #[derive(Deserialize)]
    struct Headers<'a> {
        #[serde(borrow)]
        body_encoding: Cow<'a, str>,
    }
    let moved = || {
        let encoding = serde_json::from_slice::<Envelope<'_>>(payload).ok()?.headers.body_encoding;
        let mut envelope: Value = serde_json::from_slice(payload).ok()?;
        let properties = envelope.get_mut("properties")?.as_object_mut()?;
        properties.insert("body_encoding".to_owned(), encoding.into_owned().into());
        serde_json::to_vec(&envelope).ok()
    };
    moved().map_or(Cow::Borrowed(payload), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_in_base64_is_said_in_the_headers() {
        let payload =
            br#"{"body": "gAQ=", "headers": {"task": "t", "body_encoding": "base64"}, "properties": {}}"#;
        let message = message(payload, "celery", 0).unwrap();
        assert_eq!(&message.body[..], b"\x80\x04");
        assert_eq!(message.properties.delivery_info.routing_key, "celery");
        assert_eq!(message.properties.delivery_info.redelivered, None);
    }

    #[test]
    fn delivered_before() {
        let payload = br#"{"body": "[]", "headers": {"task": "t"}, "properties": {}}"#;
        let message = message(payload, "celery", 2).unwrap();
        assert!(message.headers.get().contains(r#""redelivered": true, "x-delivery-count": 2"#));
        assert_eq!(message.properties.delivery_info.redelivered, Some(true));
        assert_eq!(&message.body[..], b"[]");
    }
}
