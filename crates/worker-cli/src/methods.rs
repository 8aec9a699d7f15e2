//! The methods of `inspect` and `control`, each defined once: parsing, help and the reference page come from here.
//!
//! Names, arguments and helps: `celery/worker/control.py`, whose decorators `celery inspect` and `celery control` read.

use std::fmt::Write;

use serde_json::{Map, Number, Value};

/// Which of the two commands a method belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `inspect`: nothing is changed.
    Inspect,
    /// `control`.
    Control,
}

impl Kind {
    /// The command.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inspect => "inspect",
            Self::Control => "control",
        }
    }
}

/// A method that every worker has.
#[derive(Debug)]
pub struct Method {
    /// Its name on the command line and on the wire.
    pub name: &'static str,
    /// The command that it belongs to.
    pub kind: Kind,
    /// What it does, in a line.
    pub help: &'static str,
    /// Its arguments, in their order.
    arguments: &'static [Argument],
}

/// An argument of a method.
#[derive(Debug)]
struct Argument {
    /// Its name on the wire.
    name: &'static str,
    /// How people see it.
    shown: &'static str,
    form: Form,
    required: bool,
}

/// How an argument is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    /// A whole number.
    Count,
    /// A number of seconds.
    Seconds,
    Flag,
    /// All that follows, as a list.
    Rest,
}

const fn one(name: &'static str, shown: &'static str, form: Form) -> Argument {
    Argument { name, shown, form, required: true }
}

const fn maybe(name: &'static str, shown: &'static str, form: Form) -> Argument {
    Argument { name, shown, form, required: false }
}

const fn inspect(name: &'static str, help: &'static str, arguments: &'static [Argument]) -> Method {
    Method { name, kind: Kind::Inspect, help, arguments }
}

const fn control(name: &'static str, help: &'static str, arguments: &'static [Argument]) -> Method {
    Method { name, kind: Kind::Control, help, arguments }
}

/// All of them, by command and name.
pub const METHODS: &[Method] = &[
    inspect("active", "The tasks that run", &[]),
    inspect("active_queues", "The queues that tasks are taken from", &[]),
    inspect("clock", "The logical clock", &[]),
    inspect(
        "conf",
        "The settings of the app; with `true`, those too that nobody has set",
        &[maybe("with_defaults", "with_defaults", Form::Flag)],
    ),
    inspect(
        "memdump",
        "The samples of memory that were taken",
        &[maybe("samples", "n_samples", Form::Count)],
    ),
    inspect("memsample", "Take a sample of the memory in use", &[]),
    inspect(
        "objgraph",
        "Draw what refers to the objects of a class, into a file of the worker's machine",
        &[
            maybe("type", "object_type", Form::Text),
            maybe("num", "num", Form::Count),
            maybe("max_depth", "max_depth", Form::Count),
        ],
    ),
    inspect("ping", "Whether the worker answers", &[]),
    inspect("query_task", "Tasks that the worker has, by their ids", &[one("ids", "id", Form::Rest)]),
    inspect(
        "registered",
        "The tasks that the worker knows, with attributes of theirs",
        &[maybe("taskinfoitems", "attribute", Form::Rest)],
    ),
    inspect("report", "Versions and settings, for reports of bugs", &[]),
    inspect("reserved", "The tasks that were taken and wait for a slot", &[]),
    inspect("revoked", "The ids of revoked tasks", &[]),
    inspect("scheduled", "The tasks that were taken and wait for their ETA", &[]),
    inspect("stats", "Figures of the worker", &[]),
    control(
        "add_consumer",
        "Take tasks from one more queue",
        &[
            one("queue", "queue", Form::Text),
            maybe("exchange", "exchange", Form::Text),
            maybe("exchange_type", "type", Form::Text),
            maybe("routing_key", "routing_key", Form::Text),
        ],
    ),
    control(
        "autoscale",
        "The most and the fewest slots",
        &[maybe("max", "max", Form::Count), maybe("min", "min", Form::Count)],
    ),
    control("cancel_consumer", "Take no more tasks from a queue", &[one("queue", "queue", Form::Text)]),
    control("disable_events", "Send no events of tasks", &[]),
    control(
        "election",
        "Have the workers choose one of them",
        &[
            one("id", "id", Form::Text),
            one("topic", "topic", Form::Text),
            maybe("action", "action", Form::Text),
        ],
    ),
    control("enable_events", "Send events of tasks", &[]),
    control("heartbeat", "Send a heartbeat now", &[]),
    control("pool_grow", "More slots: one, or N", &[maybe("n", "N", Form::Count)]),
    control("pool_restart", "Start the pool again", &[]),
    control("pool_shrink", "Fewer slots: one, or N", &[maybe("n", "N", Form::Count)]),
    control(
        "rate_limit",
        "How often a task may start: 5/s, 10/m, 100/h; 0 lifts it",
        &[one("task_name", "task_name", Form::Text), one("rate_limit", "rate_limit", Form::Text)],
    ),
    control("revoke", "Tasks are not to run", &[one("task_id", "id", Form::Rest)]),
    control(
        "revoke_by_stamped_headers",
        "Tasks with a stamp are not to run",
        &[one("headers", "header=stamp", Form::Rest)],
    ),
    control("shutdown", "End the worker, warm", &[]),
    control(
        "terminate",
        "Running tasks are ended by a signal",
        &[one("signal", "signal", Form::Text), one("task_id", "id", Form::Rest)],
    ),
    control(
        "time_limit",
        "How long a task may run, in seconds",
        &[
            one("task_name", "task_name", Form::Text),
            one("soft", "soft_secs", Form::Seconds),
            maybe("hard", "hard_secs", Form::Seconds),
        ],
    ),
];

impl Method {
    /// The method called `name`, of either command.
    pub fn named(name: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.name == name)
    }

    /// The name and the arguments: `rate_limit <task_name> <rate_limit>`.
    pub fn usage(&self) -> String {
        let mut usage = self.name.to_owned();
        for Argument { shown, form, required, .. } in self.arguments {
            let dots = if *form == Form::Rest { "..." } else { "" };
            let (open, close) = if *required { ('<', '>') } else { ('[', ']') };
            let _ = write!(usage, " {open}{shown}{close}{dots}");
        }
        usage
    }

    /// The arguments as a JSON object. Only what was given is in it, as `celery control` sends it.
    fn read(&self, words: &[String]) -> Result<Map<String, Value>, String> {
        let mut given = Map::new();
        let mut words = words.iter();
        for argument in self.arguments {
            let name = argument.name.to_owned();
            if argument.form == Form::Rest {
                let rest: Vec<Value> = words.by_ref().cloned().map(Value::String).collect();
                if rest.is_empty() && argument.required {
                    return Err(self.wants());
                }
                given.insert(name, Value::Array(rest));
                continue;
            }
            match words.next() {
                Some(word) => {
                    given.insert(name, argument.read(word)?);
                }
                None if argument.required => return Err(self.wants()),
                None => {}
            }
        }
        match words.next() {
            Some(_) => Err(self.wants()),
            None => Ok(given),
        }
    }

    fn wants(&self) -> String {
        match self.arguments {
            [] => format!("`{} {}` takes no arguments", self.kind.name(), self.name),
            _ => format!("write `{} {}`", self.kind.name(), self.usage()),
        }
    }
}

impl Argument {
    fn read(&self, word: &str) -> Result<Value, String> {
        let wrong = |needed: &str| format!("{}: {needed} is needed, not {word:?}", self.shown);
        match self.form {
            Form::Text | Form::Rest => Ok(Value::String(word.to_owned())),
            Form::Count => {
                let count: u32 = word.parse().map_err(|_| wrong("a whole number"))?;
                Ok(Value::Number(count.into()))
            }
            Form::Seconds => {
                let seconds = word.parse().ok().and_then(Number::from_f64);
                seconds.map(Value::Number).ok_or_else(|| wrong("a number of seconds"))
            }
            // celery/utils/serialization.py: strtobool.
            Form::Flag => match word.to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => Ok(Value::Bool(true)),
                "0" | "false" | "no" | "off" => Ok(Value::Bool(false)),
                _ => Err(wrong("true or false")),
            },
        }
    }
}

/// The arguments of a call of the method `name`, as a JSON object.
///
/// # Errors
///
/// What is wrong with them, as a line for people.
pub(crate) fn arguments(kind: Kind, name: &str, words: &[String]) -> Result<Map<String, Value>, String> {
    match Method::named(name) {
        Some(method) if method.kind == kind => method.read(words),
        Some(method) => Err(format!("{name} is a method of `{0}`: write `{0} {name}`", method.kind.name())),
        None => words.iter().map(|word| own_argument(word)).collect(),
    }
}

/// An argument of an app's own command: `name=value`, the value JSON or else a string.
fn own_argument(word: &str) -> Result<(String, Value), String> {
    let (name, value) = word
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| format!("arguments of your app's own commands are NAME=VALUE, not {word:?}"))?;
    let read = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((name.to_owned(), read))
}

/// The methods of a command with their helps, as the help of the command shows them.
pub(crate) fn listing(kind: Kind) -> String {
    let methods: Vec<_> = METHODS.iter().filter(|method| method.kind == kind).collect();
    let width =
        methods.iter().map(|method| method.usage().len()).filter(|width| *width < 40).max().unwrap_or(0);
    let mut text = String::from("Methods:\n");
    for method in methods {
        let (usage, help) = (method.usage(), method.help);
        let gap = if usage.len() > width { format!("\n{:width$}    ", "") } else { String::from("  ") };
        let _ = writeln!(text, "  {usage:width$}{gap}{help}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, line: &str) -> Result<String, String> {
        let mut words = line.split(' ').map(str::to_owned);
        let name = words.next().unwrap();
        arguments(kind, &name, &words.collect::<Vec<_>>()).map(|given| Value::Object(given).to_string())
    }

    #[test]
    fn what_is_sent_is_what_celery_sends() {
        let (inspect, control) = (Kind::Inspect, Kind::Control);
        for (kind, line, sent) in [
            (inspect, "ping", "{}"),
            (inspect, "conf", "{}"),
            (inspect, "conf True", r#"{"with_defaults":true}"#),
            (inspect, "query_task a b", r#"{"ids":["a","b"]}"#),
            (inspect, "registered", r#"{"taskinfoitems":[]}"#),
            (inspect, "registered rate_limit", r#"{"taskinfoitems":["rate_limit"]}"#),
            (inspect, "objgraph Request 20", r#"{"type":"Request","num":20}"#),
            (inspect, "memdump 5", r#"{"samples":5}"#),
            (control, "rate_limit t 5/s", r#"{"task_name":"t","rate_limit":"5/s"}"#),
            (control, "time_limit t 10", r#"{"task_name":"t","soft":10.0}"#),
            (control, "time_limit t 10 20.5", r#"{"task_name":"t","soft":10.0,"hard":20.5}"#),
            (control, "terminate KILL a b", r#"{"signal":"KILL","task_id":["a","b"]}"#),
            (control, "revoke_by_stamped_headers a=1 b=2", r#"{"headers":["a=1","b=2"]}"#),
            (control, "autoscale 10", r#"{"max":10}"#),
            (control, "pool_grow", "{}"),
            (control, "add_consumer q q direct", r#"{"queue":"q","exchange":"q","exchange_type":"direct"}"#),
            (control, "mine n=3 name=x l=[1] s=a=b", r#"{"n":3,"name":"x","l":[1],"s":"a=b"}"#),
        ] {
            assert_eq!(read(kind, line).as_deref(), Ok(sent), "{line}");
        }
    }

    #[test]
    fn mistakes_say_what_to_write() {
        let control = |line| read(Kind::Control, line).unwrap_err();
        assert_eq!(control("rate_limit t"), "write `control rate_limit <task_name> <rate_limit>`");
        assert_eq!(control("rate_limit t 5/s x"), "write `control rate_limit <task_name> <rate_limit>`");
        assert_eq!(control("revoke"), "write `control revoke <id>...`");
        assert_eq!(control("pool_grow many"), "N: a whole number is needed, not \"many\"");
        assert_eq!(control("time_limit t x"), "soft_secs: a number of seconds is needed, not \"x\"");
        assert_eq!(control("time_limit t nan"), "soft_secs: a number of seconds is needed, not \"nan\"");
        assert_eq!(control("mine 3"), "arguments of your app's own commands are NAME=VALUE, not \"3\"");
        assert_eq!(control("shutdown now"), "`control shutdown` takes no arguments");
        let inspect = |line| read(Kind::Inspect, line).unwrap_err();
        assert_eq!(inspect("conf maybe"), "with_defaults: true or false is needed, not \"maybe\"");
        assert!(inspect("revoke a").contains("write `control revoke`"));
    }

    #[test]
    fn the_table_is_in_order() {
        let names: Vec<_> = METHODS.iter().map(|method| (method.kind.name(), method.name)).collect();
        assert_eq!(names.iter().filter(|(kind, _)| *kind == "inspect").count(), 15);
        assert_eq!(names.iter().filter(|(kind, _)| *kind == "control").count(), 16);
        for kind in ["inspect", "control"] {
            assert!(names.iter().filter(|(of, _)| *of == kind).is_sorted());
        }
        for method in METHODS {
            let rest = method.arguments.iter().position(|argument| argument.form == Form::Rest);
            assert!(rest.is_none_or(|at| at + 1 == method.arguments.len()), "{}", method.name);
        }
    }
}
