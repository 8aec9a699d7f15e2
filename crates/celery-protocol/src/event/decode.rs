//! An event, and how it is read.

use std::borrow::Cow;

use super::{EventKind, Number, read_object};
use crate::{Error, MAX_MESSAGE_SIZE, json::RawJson, limits::check_size};

const OBJECT: &str = "event";

/// An event (`celery/events/event.py: Event`, `celery/events/dispatcher.py: EventDispatcher._prepare_event`).
///
/// Texts are borrowed from what was decoded, or from where the worker has them.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// The node name of the sender: `celery@host`.
    pub hostname: Cow<'a, str>,
    /// How many hours the sender's clock is west of UTC. Celery 5.7 writes a float, 5.4 an integer.
    pub utcoffset: Option<Number>,
    /// The process id of the sender.
    pub pid: Option<i64>,
    /// The sender's logical clock. Those of clients in `task-sent` mean nothing.
    pub clock: Option<u64>,
    /// What happened.
    pub kind: EventKind<'a>,
    /// When it happened, in seconds since 1970.
    pub timestamp: f64,
    /// Whatever else was there, each a JSON value.
    pub rest: Vec<(String, RawJson)>,
}

impl<'a> Event<'a> {
    /// An event without the fields that are not needed: no `utcoffset`, `pid` and `clock`, which Celery's own
    /// always have.
    pub fn new(hostname: impl Into<Cow<'a, str>>, kind: EventKind<'a>, timestamp: f64) -> Self {
        let hostname = hostname.into();
        Self { hostname, utcoffset: None, pid: None, clock: None, kind, timestamp, rest: Vec::new() }
    }

    /// Reads one event. For a body that may be a batch, see [`decode_all`](super::decode_all).
    ///
    /// Lone surrogates in texts become U+FFFD. A null where Celery writes a value, or nothing, counts as
    /// absent.
    ///
    /// Memory: at most 48 bytes allocated for each byte read.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], [`Error::Utf8`], [`Error::TooDeep`]; [`Error::Json`] when it is no object, or an
    /// unknown field holds `NaN`; [`Error::MissingField`] without `type`, `hostname`, `timestamp`, or the id
    /// that the kind needs; [`Error::InvalidField`] for a field of the wrong type.
    pub fn decode(raw: &'a [u8]) -> Result<Self, Error> {
        check_size(OBJECT, raw.len(), MAX_MESSAGE_SIZE)?;
        let text = std::str::from_utf8(raw).map_err(|source| Error::Utf8 { object: OBJECT, source })?;
        Self::decode_text(text)
    }

    pub(super) fn decode_text(text: &'a str) -> Result<Self, Error> {
        read_object(OBJECT, text, |fields| {
            let name = fields.text("type")?;
            let hostname = fields.text("hostname")?;
            let utcoffset = fields.nullable("utcoffset", "a number")?;
            let pid = fields.nullable("pid", "a whole number")?;
            let clock = fields.nullable("clock", "a whole number")?;
            let timestamp = fields.required("timestamp", "seconds")?;
            let kind = EventKind::read(name, fields)?;
            Ok(Self { hostname, utcoffset, pid, clock, kind, timestamp, rest: fields.rest()? })
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn captured_fields_of_all_events() {
        let event = Event::decode(include_bytes!("../../fixtures/event/task-started.json")).unwrap();
        assert!(matches!(event.hostname, Cow::Borrowed("w1@example")));
        assert!(event.pid.is_some() && event.clock.is_some() && event.rest.is_empty());
        assert_eq!(event.utcoffset, Some(0.0.into()));
        assert!(event.timestamp > 1e9);
    }

    #[test]
    fn captured_custom_events_keep_their_fields() {
        let event = Event::decode(include_bytes!("../../fixtures/event/task-progress.json")).unwrap();
        assert_eq!(event.kind, EventKind::Custom { name: "task-progress".into() });
        let rest: Vec<_> = event.rest.iter().map(|(key, json)| (&**key, json.get())).collect();
        assert_eq!(
            rest,
            [
                ("uuid", r#""id-custom""#),
                ("percent", "12.5"),
                ("note", r#""Zo\u00eb \ud83d\ude00""#),
                ("steps", r#"[1, {"a": null}]"#)
            ]
        );
    }

    #[test]
    fn what_is_needed_is_named() {
        let said = |text: &str| Event::decode(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(said(r#"{"hostname": "w"}"#), "event has no `type`");
        assert_eq!(said(r#"{"type": "x"}"#), "event has no `hostname`");
        assert_eq!(said(r#"{"type": "x", "hostname": "w"}"#), "event has no `timestamp`");
        let started = r#"{"type": "task-started", "hostname": "w", "timestamp": 1}"#;
        assert_eq!(said(started), "event has no `uuid`");
        assert_eq!(said(r#"{"type": 1}"#), "event: `type` must be a string");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(raw: Vec<u8>) {
            let _ = Event::decode(&raw);
        }

        #[test]
        fn arbitrary_fields_never_panic(
            kind in "(task|worker)-(received|sent|failed|revoked|succeeded|online|elect)",
            field in "uuid|signum|loadavg|freq|runtime|action|retries|pid|clock|traceback",
            value in r#"[\[\]{}",:NaInfity0-9 .]{0,12}"#,
        ) {
            let text = format!(
                r#"{{"type": "{kind}", "hostname": "w", "timestamp": 1, "id": "", "{field}": {value}}}"#
            );
            let _ = Event::decode(text.as_bytes());
        }
    }
}
