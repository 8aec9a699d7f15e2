//! `worker-online`, `worker-heartbeat`, `worker-offline`: that a worker is there, and what it is.

use std::borrow::Cow;

use super::{Number, Reader};
use crate::{
    Error,
    json::{ObjectWriter, write_f64},
};

/// What a worker tells about itself (`celery/worker/heartbeat.py: Heart._send`, `celery/worker/state.py:
/// SOFTWARE_INFO`).
///
/// A heartbeat that was asked for by the control command `heartbeat` has no `active`, `processed` and
/// `loadavg` (`celery/worker/control.py: heartbeat`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkerStatus<'a> {
    /// Seconds from one heartbeat to the next. Celery writes `2.0`, or `5` when it was asked.
    pub freq: Option<Number>,
    /// How many tasks run.
    pub active: Option<u64>,
    /// How many tasks have been done since the start.
    pub processed: Option<u64>,
    /// The load averages of 1, 5 and 15 minutes, rounded to two digits.
    pub loadavg: Option<[f64; 3]>,
    /// The name of the software: `py-celery`.
    pub sw_ident: Option<Cow<'a, str>>,
    /// Its version.
    pub sw_ver: Option<Cow<'a, str>>,
    /// The operating system: `Linux`.
    pub sw_sys: Option<Cow<'a, str>>,
}

impl<'a> WorkerStatus<'a> {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        if let Some(freq) = self.freq {
            freq.write(object.key("freq"));
        }
        for (key, count) in [("active", self.active), ("processed", self.processed)] {
            if let Some(count) = count {
                object.raw(key, &count.to_string());
            }
        }
        if let Some([one, five, fifteen]) = self.loadavg {
            let out = object.key("loadavg");
            out.push(b'[');
            write_f64(out, one);
            out.extend_from_slice(b", ");
            write_f64(out, five);
            out.extend_from_slice(b", ");
            write_f64(out, fifteen);
            out.push(b']');
        }
        let software = [("sw_ident", &self.sw_ident), ("sw_ver", &self.sw_ver), ("sw_sys", &self.sw_sys)];
        for (key, text) in software {
            if let Some(text) = text {
                object.str(key, text);
            }
        }
    }

    pub(super) fn read(fields: &mut Reader<'a, '_>) -> Result<Self, Error> {
        Ok(Self {
            freq: fields.optional("freq", "a number")?,
            active: fields.optional("active", "a count")?,
            processed: fields.optional("processed", "a count")?,
            loadavg: fields.optional("loadavg", "three numbers")?,
            sw_ident: fields.optional_text("sw_ident")?,
            sw_ver: fields.optional_text("sw_ver")?,
            sw_sys: fields.optional_text("sw_sys")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{Event, EventKind};

    #[test]
    fn captured_heartbeats() {
        let event =
            Event::decode(include_bytes!("../../fixtures/event/worker-heartbeat.json").as_slice()).unwrap();
        let EventKind::WorkerHeartbeat(status) = event.kind else { panic!("{event:?}") };
        assert_eq!((status.freq, status.active, status.processed), (Some(2.0.into()), Some(0), Some(0)));
        assert_eq!(status.sw_ident.as_deref(), Some("py-celery"));
        assert!(status.loadavg.is_some());
    }

    #[test]
    fn a_heartbeat_that_was_asked_for_says_less() {
        let raw = include_bytes!("../../fixtures/event/worker-heartbeat-asked.json");
        let event = Event::decode(raw).unwrap();
        let EventKind::WorkerHeartbeat(status) = event.kind else { panic!("{event:?}") };
        assert_eq!((status.freq, status.active, status.loadavg), (Some(5.into()), None, None));
    }
}
