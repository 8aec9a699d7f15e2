//! All fields of each event, as `celery events --dump` writes them.

use std::time::{SystemTime, UNIX_EPOCH};

use celery_protocol::Value;
use celery_protocol::event::Event;

use super::{moment::python_datetime, tasks::Tasks};

/// Writes events as upstream's dumper does.
#[derive(Debug, Default)]
pub(crate) struct Dump {
    tasks: Tasks,
}

impl Dump {
    /// The line for `event`, whose JSON is `text` (`celery/events/dumper.py: Dumper.on_event`).
    pub(crate) fn line(&mut self, event: &Event<'_>, text: &str) -> String {
        let mut fields = match Value::from_json(text) {
            Ok(Value::Map(fields)) => fields,
            _ => Vec::new(),
        };
        let kind = event.kind.name().to_ascii_lowercase();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        fields.push(("local_received".into(), Value::Float(now.as_secs_f64())));
        let mut take = |name: &str| {
            let at = fields.iter().position(|(key, _)| *key == Value::from(name))?;
            Some(shown(&fields.remove(at).1))
        };
        for name in ["timestamp", "type", "hostname"] {
            take(name);
        }
        let task = kind.starts_with("task-").then(|| {
            let id = take("uuid").unwrap_or_default();
            if matches!(&*kind, "task-received" | "task-sent") {
                let mut part = |name| take(name).unwrap_or_default();
                let call = format!("{}({id}) args={} kwargs={}", part("name"), part("args"), part("kwargs"));
                self.tasks.learn(&id, call);
            }
            self.tasks.of(&id).unwrap_or_default().to_owned()
        });
        let mut rest: Vec<String> =
            fields.iter().map(|(key, value)| format!("{}={}", shown(key), shown(value))).collect();
        rest.sort_unstable();
        let rest = rest.join(", ");
        let colon = if rest.is_empty() { "" } else { ":" };
        let kind = match &*kind {
            "worker-offline" => "shutdown".to_owned(),
            "worker-online" => "started".to_owned(),
            "worker-heartbeat" => "heartbeat".to_owned(),
            other => other.replace('-', " "),
        };
        let when = python_datetime(event.timestamp);
        match task {
            Some(task) => format!("{} [{when}] {kind}{colon} {task} {rest}", event.hostname),
            None => format!("{} [{when}] {kind}{colon} {rest}", event.hostname),
        }
    }
}

/// `str()` of a value.
fn shown(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        other => other.repr(usize::MAX / 8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::lines::tests::{BEAT, RECEIVED, STARTED, event};

    #[test]
    fn the_dump_is_upstreams() {
        let mut dump = Dump::default();
        let mut line = |text| {
            let line = dump.line(&event(text), text);
            let (before, after) = line.split_once("local_received=").unwrap();
            let after = after.split_once(',').map_or("", |(_, after)| after);
            format!("{before}…{after}")
        };
        assert_eq!(
            line(RECEIVED),
            "w1@h [2023-11-14 22:13:20.250000+00:00] task received: t.add(u) args=(1, 2) kwargs={} clock=7, eta=None, \
             expires=None, … parent_id=None, pid=5, retries=0, root_id=u, utcoffset=0"
        );
        assert_eq!(
            line(STARTED),
            "w1@h [2023-11-14 22:13:21+00:00] task started: t.add(u) args=(1, 2) kwargs={} … pid=5"
        );
        assert_eq!(
            line(BEAT),
            "w1@h [2023-11-14 22:13:21+00:00] heartbeat: active=1, loadavg=[0.5, 0.25, 0.1], … processed=2"
        );
    }
}
