//! Bytes as a request to workers: an envelope, or its body alone.
#![no_main]

use celery_protocol::{Message, control::ControlRequest};
use celery_protocol_fuzz::{assert_same, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(message) = Message::from_envelope(data)
        && let Ok(request) = ControlRequest::from_message(&message)
    {
        check(&request);
    }
    if let Ok(request) = bounded(data, 48, 0, || ControlRequest::decode_body(data)) {
        let again =
            ControlRequest::decode_body(&request.encode_body()).expect("what was written is a request");
        assert_same(&again, &request);
        check(&request);
    }
});

fn check(request: &ControlRequest) {
    let _ = request.is_for("w1@host");
    if let Ok(message) = request.to_message("celery") {
        let again = ControlRequest::from_message(&message).expect("what was written is a request");
        assert_same(&again, request);
    }
    if let Ok(command) = request.command() {
        let again = ControlRequest::new(&command).expect("a command that was read can be asked");
        assert_same(&again.command().expect("what was written is a command"), &command);
    }
}
