//! Bytes as a Python value in YAML.
#![no_main]

use celery_protocol::serializer::Serializer;
use celery_protocol_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

/// What aliases may repeat whatever the length of the input, in bytes.
const REPEATED: usize = 48 * 1024 * 1024;

fuzz_target!(|data: &[u8]| {
    let Ok(value) = bounded(data, 640, REPEATED, || Serializer::Yaml.decode(data)) else { return };
    let _ = (value.to_json(), Serializer::Msgpack.encode(&value), value.repr(64));
    let Ok(written) = Serializer::Yaml.encode(&value) else { return };
    let again = Serializer::Yaml.decode(&written).expect("what was written can be read");
    // Keys are sorted when they are written.
    assert_eq!(Serializer::Yaml.encode(&again).expect("what was written has a form"), written);
});
