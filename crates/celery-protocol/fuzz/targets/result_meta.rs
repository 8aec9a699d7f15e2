//! Bytes as a stored result, and the exception in it.
#![no_main]

use celery_protocol::{ExceptionInfo, StoredMeta};
use celery_protocol_fuzz::{assert_same, assert_settled, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Compressed ones are the business of their methods.
    if data.first() == Some(&0) {
        return;
    }
    let Ok(meta) = bounded(data, 48, 0, || StoredMeta::decode(data)) else { return };
    let written = meta.as_meta().encode();
    let again = StoredMeta::decode(&written).expect("what was written is a result");
    // Empty relatives are left out, as Celery does it; children that are absent are written as none.
    assert_settled(&written, again.as_meta().encode());
    if let Ok(value) = meta.as_meta().to_value() {
        let _ = StoredMeta::from_value(&value);
    }
    let json = &meta.result;
    if let Ok(exception) = bounded(json.as_bytes(), 48, 0, || ExceptionInfo::decode(json)) {
        let again = ExceptionInfo::decode(&exception.encode()).expect("what was written is an exception");
        assert_same(&again, &exception);
        let _ = exception.args();
    }
});
