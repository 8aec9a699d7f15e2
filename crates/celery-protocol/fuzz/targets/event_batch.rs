//! Bytes as the body of a message of events.
#![no_main]

use celery_protocol::event::{decode_all, encode_batch, split_batch};
use celery_protocol_fuzz::{assert_settled, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let parts = bounded(data, 48, 0, || split_batch(data).map(|parts| parts.len()));
    let Ok(events) = bounded(data, 48, 0, || decode_all(data)) else { return };
    assert_eq!(parts.ok(), Some(events.len()));
    let written = encode_batch(&events);
    let again = decode_all(&written).expect("what was written are events");
    assert_settled(&written, encode_batch(&again));
});
