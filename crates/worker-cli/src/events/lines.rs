//! A short line for each event.

use std::fmt::Write;

use celery_protocol::event::{Event, EventKind, Signum, WorkerStatus};

use unicode_width::UnicodeWidthStr;

use super::{moment::time_of_day, tasks::Tasks};
use crate::output::{Paint, Screen};

/// A short line for each event.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    tasks: Tasks,
    /// As wide as the longest node so far.
    node_width: usize,
}

impl Lines {
    /// The time, the node, the type, and what it is about.
    pub(crate) fn line(&mut self, event: &Event<'_>, screen: &Screen) -> String {
        let (about, node) = (clean(self.about(event)), clean(event.hostname.to_string()));
        let kind = event.kind.name();
        let paint = match kind {
            "task-failed" | "task-rejected" | "worker-offline" => Paint::Bad,
            "task-succeeded" | "worker-online" => Paint::Good,
            "worker-heartbeat" => Paint::Faint,
            _ => Paint::Plain,
        };
        self.node_width = self.node_width.max(node.width());
        let gap = " ".repeat(self.node_width - node.width());
        let line = format!(
            "{} {}{gap} {} {about}",
            time_of_day(event.timestamp),
            screen.painted(Paint::Node, node),
            screen.painted(paint, format!("{:<16}", clean(kind.to_owned()))),
        );
        line.trim_end().to_owned()
    }

    fn about(&mut self, event: &Event<'_>) -> String {
        match &event.kind {
            EventKind::WorkerOnline(status) | EventKind::WorkerOffline(status) => software(status),
            EventKind::WorkerHeartbeat(status) => load(status),
            EventKind::TaskSent(task) => {
                let call =
                    call(&task.uuid, task.name.as_deref(), task.args.as_deref(), task.kwargs.as_deref());
                self.tasks.learn(&task.uuid, named(&task.uuid, task.name.as_deref()));
                let to = task.queue.as_deref().or(task.routing_key.as_deref()).unwrap_or_default();
                format!("{call} to {to}")
            }
            EventKind::TaskReceived(task) => {
                let mut call =
                    call(&task.uuid, task.name.as_deref(), task.args.as_deref(), task.kwargs.as_deref());
                self.tasks.learn(&task.uuid, named(&task.uuid, task.name.as_deref()));
                if let Some(eta) = &task.eta {
                    let _ = write!(call, " eta {eta}");
                }
                if let Some(retries) = task.retries.filter(|retries| *retries > 0) {
                    let _ = write!(call, " retry {retries}");
                }
                call
            }
            EventKind::TaskStarted(task) => self.task(&task.uuid).to_owned(),
            EventKind::TaskSucceeded(task) => {
                let runtime = task.runtime.map(|runtime| format!(" in {runtime:.3}s")).unwrap_or_default();
                let result = task.result.as_deref().unwrap_or_default();
                format!("{}{runtime}: {result}", self.task(&task.uuid))
            }
            EventKind::TaskFailed(task) | EventKind::TaskRetried(task) => {
                format!("{}: {}", self.task(&task.uuid), task.exception.as_deref().unwrap_or_default())
            }
            EventKind::TaskRevoked(task) => {
                let mut about = self.task(&task.uuid).to_owned();
                if task.expired {
                    about.push_str(" expired");
                }
                if task.terminated {
                    about.push_str(" terminated");
                    match &task.signum {
                        Some(Signum::Number(number)) => about.push_str(&format!(" by signal {number}")),
                        Some(Signum::Text(text)) => about.push_str(&format!(" by signal {text}")),
                        None => {}
                    }
                }
                about
            }
            EventKind::TaskRejected(task) => {
                let requeued = if task.requeue { " and requeued" } else { "" };
                format!("{}{requeued}", self.task(&task.uuid))
            }
            EventKind::TaskCancelled(task) => self.task(&task.uuid).to_owned(),
            _ => {
                let fields = event.rest.iter().map(|(name, json)| format!("{name}={}", json.get()));
                fields.collect::<Vec<_>>().join(" ")
            }
        }
    }

    fn task<'a>(&'a self, id: &'a str) -> &'a str {
        self.tasks.of(id).unwrap_or(id)
    }
}

/// On one line: what a task is called or says does not move the cursor.
fn clean(text: String) -> String {
    if text.contains(char::is_control) { text.replace(char::is_control, " ") } else { text }
}

fn named(id: &str, name: Option<&str>) -> String {
    format!("{}[{id}]", name.unwrap_or_default())
}

fn call(id: &str, name: Option<&str>, args: Option<&str>, kwargs: Option<&str>) -> String {
    format!("{} {} {}", named(id, name), args.unwrap_or("()"), kwargs.unwrap_or("{}"))
}

fn software(status: &WorkerStatus<'_>) -> String {
    let parts = [&status.sw_ident, &status.sw_ver, &status.sw_sys];
    parts.into_iter().flatten().map(|part| &**part).collect::<Vec<_>>().join(" ")
}

fn load(status: &WorkerStatus<'_>) -> String {
    // A heartbeat that was asked for says nothing of tasks.
    let (Some(active), Some(processed)) = (status.active, status.processed) else { return software(status) };
    let mut about = format!("{active} running, {processed} done");
    if let Some([one, five, fifteen]) = status.loadavg {
        let _ = write!(about, ", load {one} {five} {fifteen}");
    }
    about
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::events) const RECEIVED: &str = r#"{"hostname": "w1@h", "utcoffset": 0, "pid": 5, "clock": 7, "uuid": "u", "name": "t.add", "args": "(1, 2)", "kwargs": "{}", "root_id": "u", "parent_id": null, "retries": 0, "eta": null, "expires": null, "timestamp": 1700000000.25, "type": "task-received"}"#;
    pub(in crate::events) const STARTED: &str =
        r#"{"hostname": "w1@h", "pid": 5, "uuid": "u", "timestamp": 1700000001, "type": "task-started"}"#;
    pub(in crate::events) const BEAT: &str = r#"{"hostname": "w1@h", "active": 1, "processed": 2, "loadavg": [0.5, 0.25, 0.1], "timestamp": 1700000001, "type": "worker-heartbeat"}"#;

    pub(in crate::events) fn event(text: &str) -> Event<'_> {
        Event::decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn lines_name_the_task_of_an_id() {
        let (mut lines, screen) = (Lines::default(), Screen::new(true, false));
        let mut line = |text| lines.line(&event(text), &screen)[13..].to_owned();
        assert_eq!(line(STARTED), "w1@h task-started     u");
        assert_eq!(line(RECEIVED), "w1@h task-received    t.add[u] (1, 2) {}");
        assert_eq!(line(STARTED), "w1@h task-started     t.add[u]");
        assert_eq!(line(BEAT), "w1@h worker-heartbeat 1 running, 2 done, load 0.5 0.25 0.1");
        let failed = r#"{"hostname": "long@h", "uuid": "u", "exception": "E('a\nb\u001b[2J')", "timestamp": 1, "type": "task-failed"}"#;
        assert!(!line(failed).contains(char::is_control));
        assert_eq!(line(STARTED), "w1@h   task-started     t.add[u]");
    }
}
