//! Replies of workers as tables, a kind for each method.

use std::time::{SystemTime, UNIX_EPOCH};

use celery_protocol::control::ControlReply;
use celery_protocol::control::reply::{
    Answer, ClockReply, QueriedTask, QueueInfo, ScheduledTask, TaskInfo, decode_names,
};
use celery_protocol::{Error, Value};

use crate::output::{Paint, Screen, Table};

/// How the replies to a method are shown.
struct View {
    /// The columns after the first, which is the node.
    head: &'static [&'static str],
    rows: Read,
}

/// From a reply to its rows.
type Read = fn(&str) -> Result<Vec<Vec<String>>, Error>;

/// Shows what workers answered to `method`.
pub(crate) fn show(screen: &mut Screen, method: &str, replies: &[ControlReply]) -> std::io::Result<()> {
    if matches!(method, "report" | "memdump") {
        return texts(screen, replies);
    }
    let view = view(method);
    let mut head = vec!["NODE"];
    head.extend(view.as_ref().map_or(&["STATUS", "REPLY"][..], |view| view.head));
    let mut table = Table::new(&head);
    for reply in replies {
        for row in rows(view.as_ref(), &reply.value) {
            let node = (Paint::Node, reply.node.clone());
            table.row(std::iter::once(node).chain(row));
        }
    }
    screen.table(&table)
}

type Row = Vec<(Paint, String)>;

fn rows(view: Option<&View>, value: &str) -> Vec<Row> {
    let status =
        |paint, status: &str, text: String| vec![vec![(paint, status.to_owned()), (Paint::Plain, text)]];
    match (Answer::decode(value), view) {
        (Answer::Error(reason), _) => status(Paint::Bad, "ERROR", reason),
        (Answer::Ok(text), None) => status(Paint::Good, "OK", text),
        (_, None) if value == "null" => status(Paint::Good, "OK", String::new()),
        (_, Some(view)) => match (view.rows)(value) {
            Ok(rows) if rows.is_empty() => vec![vec![(Paint::Faint, "- none -".to_owned())]],
            Ok(rows) => rows.into_iter().map(plain).collect(),
            // A worker of another kind: shown as it is.
            Err(_) => vec![plain(vec![value.to_owned()])],
        },
        (_, None) => match Value::from_json(value) {
            Ok(Value::List(items)) if items.is_empty() => status(Paint::Good, "OK", "- none -".to_owned()),
            Ok(value) => flat(&value).into_iter().map(plain).collect(),
            Err(_) => vec![plain(vec![String::new(), value.to_owned()])],
        },
    }
}

fn plain(cells: Vec<String>) -> Row {
    cells.into_iter().map(|text| (Paint::Plain, text)).collect()
}

fn view(method: &str) -> Option<View> {
    let (head, rows): (&[&str], Read) = match method {
        "active" => (&["TASK", "ID", "RUNNING", "PID", "ARGS", "KWARGS"], |value| {
            let tasks = TaskInfo::decode_list(value)?.into_iter();
            Ok(tasks
                .map(|task| {
                    let running = task.time_start.map(since).unwrap_or_default();
                    let pid = task.worker_pid.map(|pid| pid.to_string()).unwrap_or_default();
                    vec![task.name, task.id, running, pid, task.args, task.kwargs]
                })
                .collect())
        }),
        "reserved" => (&["TASK", "ID", "ARGS", "KWARGS"], |value| {
            let tasks = TaskInfo::decode_list(value)?.into_iter();
            Ok(tasks.map(|task| vec![task.name, task.id, task.args, task.kwargs]).collect())
        }),
        "scheduled" => (&["ETA", "TASK", "ID", "ARGS", "KWARGS"], |value| {
            let mut tasks = ScheduledTask::decode_list(value)?;
            tasks.sort_by(|left, right| left.eta.cmp(&right.eta));
            let row = |ScheduledTask { eta, request: task, .. }: ScheduledTask| {
                vec![eta.unwrap_or_default(), task.name, task.id, task.args, task.kwargs]
            };
            Ok(tasks.into_iter().map(row).collect())
        }),
        "query_task" => (&["STATE", "TASK", "ID", "ARGS", "KWARGS"], |value| {
            let row = |QueriedTask { state, info: task }: QueriedTask| {
                vec![state, task.name, task.id, task.args, task.kwargs]
            };
            Ok(QueriedTask::decode_all(value)?.into_iter().map(row).collect())
        }),
        "revoked" => (&["ID"], names),
        "registered" => (&["TASK"], names),
        "active_queues" => (&["QUEUE", "EXCHANGE", "TYPE", "ROUTING KEY"], |value| {
            let row = |queue: QueueInfo| {
                let exchange = queue.exchange.unwrap_or_default();
                vec![queue.name, exchange.name, exchange.kind, queue.routing_key.unwrap_or_default()]
            };
            Ok(QueueInfo::decode_list(value)?.into_iter().map(row).collect())
        }),
        "clock" => (&["CLOCK"], |value| Ok(vec![vec![ClockReply::decode(value)?.clock.to_string()]])),
        "conf" | "stats" | "objgraph" => (&["NAME", "VALUE"], |value| Ok(flat(&Value::from_json(value)?))),
        "memsample" => (&["MEMORY"], |value| {
            Ok(vec![vec![match Value::from_json(value)? {
                Value::Null => "- unknown: needs psutil -".to_owned(),
                other => shown(&other),
            }]])
        }),
        _ => return None,
    };
    Some(View { head, rows })
}

fn names(value: &str) -> Result<Vec<Vec<String>>, Error> {
    Ok(decode_names(value)?.into_iter().map(|name| vec![name]).collect())
}

/// The scalars of a value, each with the way to it: `pool.max-concurrency`, `2`.
fn flat(value: &Value) -> Vec<Vec<String>> {
    fn walk(path: &str, value: &Value, rows: &mut Vec<Vec<String>>) {
        match value {
            Value::Map(entries) if !entries.is_empty() => {
                for (key, value) in entries {
                    let key = shown(key);
                    let path = if path.is_empty() { key } else { format!("{path}.{key}") };
                    walk(&path, value, rows);
                }
            }
            Value::List(items) if path.is_empty() => {
                rows.extend(items.iter().map(|item| vec![String::new(), shown(item)]));
            }
            other => rows.push(vec![path.to_owned(), shown(other)]),
        }
    }
    let mut rows = Vec::new();
    walk("", value, &mut rows);
    rows
}

/// A string as it is, everything else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        other => other.to_json().unwrap_or_else(|_| other.repr(usize::MAX / 8)),
    }
}

/// How long ago that was, in whole units that matter.
fn since(time: f64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    // The clock of the worker may be ahead of ours.
    duration((now - time).max(0.0))
}

fn duration(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0..60 => format!("{seconds:.1}s"),
        60..3600 => format!("{}m{:02}s", whole / 60, whole % 60),
        _ => format!("{}h{:02}m", whole / 3600, whole / 60 % 60),
    }
}

/// Replies that are pages of text.
fn texts(screen: &mut Screen, replies: &[ControlReply]) -> std::io::Result<()> {
    for reply in replies {
        let text = match Answer::decode(&reply.value) {
            Answer::Ok(text) => text,
            Answer::Error(reason) => format!("ERROR {reason}"),
            _ => match Value::from_json(&reply.value) {
                Ok(Value::Null) => "- nothing -".to_owned(),
                Ok(other) => shown(&other),
                Err(_) => reply.value.clone(),
            },
        };
        let node = screen.painted(Paint::Node, format!("{}:", reply.node)).to_string();
        screen.line(node)?;
        for line in text.trim_matches('\n').lines() {
            screen.line(format_args!("    {line}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(method: &str, value: &str) -> Vec<Vec<String>> {
        let rows = rows(view(method).as_ref(), value);
        rows.into_iter().map(|row| row.into_iter().map(|(_, text)| text).collect()).collect()
    }

    #[test]
    fn answers_have_a_status() {
        assert_eq!(cells("rate_limit", r#"{"ok": "done"}"#), [["OK", "done"]]);
        assert_eq!(cells("active", r#"{"error": "KeyError('x')"}"#), [["ERROR", "KeyError('x')"]]);
        assert_eq!(cells("heartbeat", "null"), [["OK", ""]]);
    }

    #[test]
    fn lists_have_a_row_each_and_none_is_said() {
        assert_eq!(cells("revoked", r#"["a", "b"]"#), [["a"], ["b"]]);
        assert_eq!(cells("revoked", "[]"), [["- none -"]]);
        let task = r#"[{"id": "i", "name": "t", "args": [NaN], "kwargs": {}, "worker_pid": 7}]"#;
        assert_eq!(cells("active", task), [["t", "i", "", "7", "[NaN]", "{}"]]);
        // A worker that answers in a way of its own is shown all the same.
        assert_eq!(cells("revoked", "5"), [["5"]]);
    }

    #[test]
    fn objects_are_flat() {
        let stats =
            r#"{"total": {}, "pid": 1, "pool": {"max-concurrency": 2, "processes": [3, 4]}, "clock": "5"}"#;
        assert_eq!(
            cells("stats", stats),
            [
                ["total", "{}"],
                ["pid", "1"],
                ["pool.max-concurrency", "2"],
                ["pool.processes", "[3, 4]"],
                ["clock", "5"]
            ]
        );
        assert_eq!(cells("mine", r#"[{"a": 1}, "b"]"#), [["", r#"{"a": 1}"#], ["", "b"]]);
        assert_eq!(cells("mine", "5"), [["", "5"]]);
    }

    #[test]
    fn durations() {
        let shown = [0.04, 59.94, 61.0, 3599.9, 3661.0].map(duration);
        assert_eq!(shown, ["0.0s", "59.9s", "1m01s", "59m59s", "1h01m"]);
    }
}
