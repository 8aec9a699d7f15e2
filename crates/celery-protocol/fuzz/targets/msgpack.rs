//! Bytes as a Python value in MessagePack.
#![no_main]

use celery_protocol::serializer::Serializer;
use celery_protocol_fuzz::{assert_same, bounded};
use libfuzzer_sys::fuzz_target;

/// What 512 maps in one another have room for before their entries are seen, in bytes.
const ROOM: usize = 512 * 1024;

fuzz_target!(|data: &[u8]| {
    let Ok(value) = bounded(data, 96, ROOM, || Serializer::Msgpack.decode(data)) else { return };
    let written = Serializer::Msgpack.encode(&value).expect("what was msgpack has a form in it");
    let again = Serializer::Msgpack.decode(&written).expect("what was written can be read");
    assert_same(&again, &value);
    let _ = (value.to_json(), Serializer::Yaml.encode(&value), value.repr(64));
});
