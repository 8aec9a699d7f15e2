//! Bytes as an envelope, then its headers and its body: the way of every task message.
#![no_main]

use std::time::SystemTime;

use celery_protocol::{
    Body, Message, TaskHeaders, mark_redelivered,
    message::{Death, dead_letter, deliveries, mark_deliveries},
};
use celery_protocol_fuzz::{assert_same, bounded, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let marked = bounded(data, 48, 0, || mark_redelivered(data));
    if let Ok(marked) = marked {
        assert_eq!(mark_redelivered(&marked).expect("what was marked is an envelope"), marked);
    }
    if let Ok(marked) = bounded(data, 48, 0, || mark_deliveries(data, 7)) {
        let count = deliveries(&marked);
        assert!(count == 7 || count == 0, "{count}");
    }
    let death = Death { reason: "r", queue: "q", deliveries: 3, time: SystemTime::UNIX_EPOCH };
    if let Ok(dead) = bounded(data, 48, 0, || dead_letter(data, &death)) {
        assert_eq!(deliveries(&dead), 0);
    }
    let Ok(message) = bounded(data, 144, 0, || Message::from_envelope(data)) else { return };
    let again = Message::from_envelope(&message.to_envelope()).expect("what was written is an envelope");
    assert_same(&again, &message);
    let json = message.headers.get();
    if let Ok(headers) = bounded(json.as_bytes(), 48, 0, || TaskHeaders::decode(json)) {
        let written = headers.encode();
        let again = TaskHeaders::decode(text(&written).expect("headers are text"));
        let again = again.expect("what was written are headers");
        assert_same(&again, &headers);
    }
    if let Some(json) = text(&message.body)
        && let Ok(body) = bounded(json.as_bytes(), 48, 0, || Body::split(json))
    {
        let mut out = Vec::new();
        body.write(&mut out);
        let out = text(&out).expect("a body is text");
        assert_eq!(Body::split(out).expect("what was written is a body"), body);
    }
});
