//! How an event is written.

use super::Event;
use crate::json::{ObjectWriter, write_f64};

/// What an event is about as long as, in bytes.
const USUAL_SIZE: usize = 384;

impl Event<'_> {
    /// The event as Celery writes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(USUAL_SIZE);
        self.write(&mut out);
        out
    }

    /// Appends the event as Celery writes it. Unknown fields stand where those of a custom event do.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        object.str("hostname", &self.hostname);
        if let Some(utcoffset) = self.utcoffset {
            utcoffset.write(object.key("utcoffset"));
        }
        if let Some(pid) = self.pid {
            object.int("pid", pid);
        }
        if let Some(clock) = self.clock {
            object.raw("clock", &clock.to_string());
        }
        self.kind.write(&mut object);
        for (key, json) in &self.rest {
            object.raw(key, json.get());
        }
        write_f64(object.key("timestamp"), self.timestamp);
        object.str("type", self.kind.name());
        object.end();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        event::{
            EventKind, Signum, TaskFailure, TaskReceived, TaskRevoked, TaskSent, TaskSucceeded, WorkerElect,
            WorkerStatus,
        },
        json::RawJson,
    };

    macro_rules! captured {
        ($($name:literal),* $(,)?) => {
            [$(($name, include_bytes!(concat!("../../fixtures/event/", $name, ".json")).as_slice())),*]
        };
    }

    #[test]
    fn captured_events_come_back_byte_for_byte() {
        let captured = captured![
            "worker-online",
            "worker-heartbeat",
            "worker-heartbeat-asked",
            "worker-offline",
            "worker-elect",
            "worker-elect-ack",
            "task-sent",
            "task-received",
            "task-received-eta",
            "task-started",
            "task-succeeded",
            "task-failed",
            "task-failed-limit",
            "task-failed-missing",
            "task-retried",
            "task-revoked",
            "task-revoked-expired",
            "task-rejected",
            "task-cancelled",
            "task-progress",
        ];
        for (name, raw) in captured {
            let event = Event::decode(raw).unwrap();
            assert_eq!(String::from_utf8(event.encode()).unwrap(), std::str::from_utf8(raw).unwrap());
            assert!(name.starts_with(event.kind.name()), "{name}");
            let custom = matches!(event.kind, EventKind::Custom { .. });
            assert_eq!(custom, name == "task-progress", "{name}");
            assert_eq!(event.rest.is_empty(), !custom, "{name}");
        }
    }

    #[test]
    fn unknown_fields_survive() {
        let text = r#"{"hostname": "w", "utcoffset": 0, "uuid": "u", "traceback": null, "more": {"z": 1.50, "a": []}, "timestamp": 1.5, "type": "task-started"}"#;
        let event = Event::decode(text.as_bytes()).unwrap();
        assert_eq!(event.rest.len(), 2);
        assert_eq!(String::from_utf8(event.encode()).unwrap(), text);
    }

    type Texts = (Option<String>, Option<String>, Option<String>, Option<String>);

    fn kinds() -> impl Strategy<Value = EventKind<'static>> {
        let own = |text: Option<String>| text.map(Into::into);
        prop_oneof![
            any::<(String, Texts, Option<u32>)>().prop_map(move |(uuid, (a, b, c, d), retries)| {
                EventKind::TaskSent(TaskSent {
                    uuid: uuid.into(),
                    name: own(a),
                    args: own(b),
                    queue: own(c),
                    eta: own(d),
                    retries: Some(retries.unwrap_or(3)),
                    ..TaskSent::default()
                })
            }),
            any::<(String, Texts, u32)>().prop_map(move |(uuid, (a, b, c, d), retries)| {
                EventKind::TaskReceived(TaskReceived {
                    uuid: uuid.into(),
                    kwargs: own(a),
                    root_id: own(b),
                    parent_id: own(c),
                    expires: own(d),
                    retries: Some(retries),
                    ..TaskReceived::default()
                })
            }),
            (any::<String>(), any::<Option<String>>(), proptest::option::of(0.0..1e9)).prop_map(
                move |(uuid, result, runtime)| {
                    EventKind::TaskSucceeded(TaskSucceeded {
                        uuid: uuid.into(),
                        result: own(result),
                        runtime,
                    })
                }
            ),
            any::<(bool, String, Option<String>, Option<String>)>().prop_map(
                move |(retried, uuid, exception, traceback)| {
                    let failure = TaskFailure {
                        uuid: uuid.into(),
                        exception: own(exception),
                        traceback: own(traceback),
                    };
                    if retried { EventKind::TaskRetried(failure) } else { EventKind::TaskFailed(failure) }
                }
            ),
            any::<(String, bool, Option<i32>, bool)>().prop_map(|(uuid, terminated, signum, expired)| {
                let signum = signum.map(Signum::Number);
                EventKind::TaskRevoked(TaskRevoked { uuid: uuid.into(), terminated, signum, expired })
            }),
            (
                any::<Option<u64>>(),
                proptest::option::of([0.0..1e3, 0.0..1e3, 0.0..1e3]),
                any::<Option<String>>()
            )
                .prop_map(move |(active, loadavg, sw_ver)| {
                    let status =
                        WorkerStatus { active, loadavg, sw_ver: own(sw_ver), ..WorkerStatus::default() };
                    EventKind::WorkerOnline(status)
                }),
            any::<(String, String, i64)>().prop_map(|(id, topic, cver)| {
                EventKind::WorkerElect(WorkerElect { id: id.into(), topic: topic.into(), action: None, cver })
            }),
            "x-.*".prop_map(|name| EventKind::Custom { name: name.into() }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(
            hostname: String, kind in kinds(), utcoffset in proptest::option::of(-12_i64..14),
            (pid, clock) in any::<(Option<i64>, Option<u64>)>(), timestamp in 0.0..4e9_f64,
            rest in proptest::collection::btree_map("y.*", any::<i64>(), 0..3),
        ) {
            let rest = rest.into_iter().map(|(k, v)| (k, RawJson::new(v.to_string()).unwrap())).collect();
            let utcoffset = utcoffset.map(Into::into);
            let event = Event { hostname: hostname.into(), utcoffset, pid, clock, kind, timestamp, rest };
            let encoded = event.encode();
            prop_assert_eq!(Event::decode(&encoded).unwrap(), event);
        }
    }
}
