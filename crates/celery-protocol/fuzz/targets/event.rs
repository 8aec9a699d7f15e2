//! Bytes as one event.
#![no_main]

use celery_protocol::event::Event;
use celery_protocol_fuzz::{assert_settled, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(event) = bounded(data, 48, 0, || Event::decode(data)) else { return };
    let written = event.encode();
    let again = Event::decode(&written).expect("what was written is an event");
    assert_settled(&written, again.encode());
});
