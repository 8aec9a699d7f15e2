//! The name of a command, a line break, its arguments.
#![no_main]

use celery_protocol::control::Command;
use celery_protocol_fuzz::{assert_same, bounded, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((method, arguments)) = text(data).and_then(|text| text.split_once('\n')) else { return };
    let Ok(command) = bounded(data, 48, 0, || Command::decode(method, arguments)) else { return };
    let again = Command::decode(command.method(), &command.arguments());
    assert_same(&again.expect("what was written is a command"), &command);
});
