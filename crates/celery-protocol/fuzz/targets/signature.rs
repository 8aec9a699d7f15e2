//! JSON text as a signature, what it plans, and the messages of that.
#![no_main]

use celery_protocol::canvas::{Encoding, Signature, Step};
use celery_protocol_fuzz::{assert_same, bounded, is_too_deep, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(json) = text(data) else { return };
    let Ok(signature) = bounded(data, 64, 0, || Signature::from_json(json)) else { return };
    let written = signature.to_json().expect("what was JSON has a form in it");
    match Signature::from_json(&written) {
        Ok(again) => assert_same(&again, &signature),
        Err(error) => assert!(is_too_deep(&error), "{error}"),
    }
    let mut count = 0;
    let mut ids = || {
        count += 1;
        format!("id-{count}")
    };
    let Ok(plan) = signature.plan(&mut ids, "reply") else { return };
    let _ = plan.result();
    for step in &plan.steps {
        if let Step::Send(call) = step {
            let _ = call.message(&Encoding::json("gen1@host", "reply")).map(|message| message.to_envelope());
        }
    }
});
