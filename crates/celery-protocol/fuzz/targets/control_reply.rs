//! Bytes as a worker's reply, and its value as each of the types that replies have.
#![no_main]

use celery_protocol::control::ControlReply;
use celery_protocol::control::reply::{
    Answer, ClockReply, HelloReply, QueriedTask, QueueInfo, ScheduledTask, Stats, TaskInfo, decode_names,
    encode_names,
};
use celery_protocol_fuzz::{assert_same, assert_settled, bounded};
use libfuzzer_sys::fuzz_target;

/// Decodes a value, and again what is written of it.
macro_rules! check {
    ($value:expr, $decode:path, $encode:expr) => {
        if let Ok(read) = bounded($value.as_bytes(), 96, 0, || $decode($value)) {
            let written = $encode(&read);
            assert_settled(&written, $encode(&$decode(&written).expect("what was written can be read")));
        }
    };
}

fuzz_target!(|data: &[u8]| {
    let Ok(reply) = bounded(data, 48, 0, || ControlReply::decode_body(data)) else { return };
    assert!(reply.is_valid());
    let again = ControlReply::decode_body(&reply.encode_body()).expect("what was written is a reply");
    assert_same(&again, &reply);
    let value = &*reply.value;
    let answer = Answer::decode(value);
    assert_same(&Answer::decode(&answer.encode()), &answer);
    if let Ok(Some(hello)) = HelloReply::decode(value) {
        let again = HelloReply::decode(&hello.encode()).expect("what was written can be read");
        assert_same(&again, &Some(hello));
    }
    check!(value, ClockReply::decode, |clock: &ClockReply| clock.encode());
    check!(value, Stats::decode, Stats::encode);
    check!(value, TaskInfo::decode_list, |all: &Vec<TaskInfo>| TaskInfo::encode_list(all));
    check!(value, QueueInfo::decode_list, |all: &Vec<QueueInfo>| QueueInfo::encode_list(all));
    check!(value, ScheduledTask::decode_list, |all: &Vec<ScheduledTask>| ScheduledTask::encode_list(all));
    check!(value, QueriedTask::decode_all, |all: &Vec<QueriedTask>| QueriedTask::encode_all(all));
    check!(value, decode_names, |all: &Vec<String>| encode_names(all));
});
