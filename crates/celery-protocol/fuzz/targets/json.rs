//! JSON text as a Python value, typed values of kombu included.
#![no_main]

use celery_protocol::{Value, from_value, serializer::Serializer, to_value};
use celery_protocol_fuzz::{assert_same, bounded, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(json) = text(data) else { return };
    let Ok(value) = bounded(data, 64, 0, || Value::from_json(json)) else { return };
    let written = value.to_json().expect("what was JSON has a form in it");
    assert_same(&Value::from_json(&written).expect("what was written is JSON"), &value);
    assert!(value.repr(64).chars().count() <= 64);
    if let Ok(bytes) = Serializer::Msgpack.encode(&value) {
        Serializer::Msgpack.decode(&bytes).expect("what was written can be read");
    }
    // A date that Python writes into YAML may be none that it reads there.
    let _ = Serializer::Yaml.encode(&value).map(|bytes| Serializer::Yaml.decode(&bytes).map(drop));
    if let Ok(serde) = from_value::<Value>(value.clone()) {
        let _ = to_value(&serde);
    }
});
