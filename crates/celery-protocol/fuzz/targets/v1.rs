//! The headers of a message of protocol 1, a line break, its body.
#![no_main]

use celery_protocol::{Body, TaskHeaders, V1Task};
use celery_protocol_fuzz::{assert_same, bounded, is_too_deep, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((headers, body)) = text(data).and_then(|text| text.split_once('\n')) else { return };
    let Ok(task) = bounded(data, 48, 0, || V1Task::convert(headers, body)) else { return };
    let written = task.headers.encode();
    let again = TaskHeaders::decode(text(&written).expect("headers are text"));
    let again = again.expect("what was written are headers");
    assert_same(&again, &task.headers);
    // What follows the task lies a level deeper in protocol 2.
    if let Err(error) = Body::split(&task.body) {
        assert!(is_too_deep(&error), "{error}");
    }
});
