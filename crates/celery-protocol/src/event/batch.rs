//! Several events in one message.

use serde_json::value::RawValue;

use super::Event;
use crate::{
    Error, MAX_MESSAGE_SIZE,
    json::{Finite, read_lenient},
    limits::check_size,
};

const OBJECT: &str = "event batch";

/// Writes events as the body of one message (`celery/events/dispatcher.py: EventDispatcher.flush`). Celery
/// sends at most 24 in one.
pub fn encode_batch(events: &[Event<'_>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(events.len() * 384 + 2);
    out.push(b'[');
    for (at, event) in events.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b", ");
        }
        event.write(&mut out);
    }
    out.push(b']');
    out
}

/// Cuts a body, a batch or a single event, into the texts of its events, so that one that cannot be decoded
/// does not take the others with it (`celery/events/receiver.py: EventReceiver._receive`).
///
/// # Errors
///
/// [`Error::TooLarge`], [`Error::Utf8`], [`Error::TooDeep`], and [`Error::Json`] when it is no JSON.
pub fn split_batch(body: &[u8]) -> Result<Vec<&str>, Error> {
    check_size(OBJECT, body.len(), MAX_MESSAGE_SIZE)?;
    let text = std::str::from_utf8(body).map_err(|source| Error::Utf8 { object: OBJECT, source })?;
    if !text.trim_start().starts_with('[') {
        return Ok(vec![text]);
    }
    read_lenient(OBJECT, text, |text: &Finite<'_>| {
        let parts: Vec<&RawValue> = serde_json::from_str(text.masked()).map_err(Error::json(OBJECT))?;
        Ok(parts.into_iter().map(|part| text.original_of(part.get())).collect())
    })
}

/// Reads a body, a batch or a single event.
///
/// Memory: at most 48 bytes allocated for each byte read.
///
/// # Errors
///
/// Those of [`split_batch`], and that of the first event that cannot be decoded ([`Event::decode`]).
pub fn decode_all(body: &[u8]) -> Result<Vec<Event<'_>>, Error> {
    split_batch(body)?.into_iter().map(Event::decode_text).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Message;

    #[test]
    fn a_captured_batch_comes_back_byte_for_byte() {
        let raw = include_bytes!("../../fixtures/event/envelope_batch.json");
        let message = Message::from_envelope(raw).unwrap();
        let events = decode_all(&message.body).unwrap();
        assert!(events.len() > 1);
        assert_eq!(encode_batch(&events), message.body);
    }

    #[test]
    fn a_single_event_is_a_batch_of_one() {
        let raw = include_bytes!("../../fixtures/event/worker-online.json");
        let events = decode_all(raw).unwrap();
        assert_eq!(events, [Event::decode(raw).unwrap()]);
        assert_eq!(encode_batch(&[]), b"[]");
        assert_eq!(decode_all(b"[]").unwrap(), []);
    }

    #[test]
    fn one_bad_event_leaves_the_others() {
        let good = r#"{"hostname": "w", "timestamp": 1.0, "type": "x"}"#;
        let body = format!(r#"[{good}, {{"x": NaN}}, 1]"#);
        let parts = split_batch(body.as_bytes()).unwrap();
        assert_eq!(parts, [good, r#"{"x": NaN}"#, "1"]);
        assert!(decode_all(body.as_bytes()).is_err());
        assert!(split_batch(b"[1, ").is_err() && split_batch(b"\xff").is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(raw: Vec<u8>, text in r#"\[[\[\]{}",:NaInfity0-9 ]{0,40}"#) {
            let _ = decode_all(&raw);
            let _ = decode_all(text.as_bytes());
        }
    }
}
