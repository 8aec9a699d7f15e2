//! Asking workers, for `status`, `inspect` and `control`.

use celery_protocol::control::reply::Answer;
use celery_protocol::control::{Command, ControlReply, ControlRequest};
use celery_protocol::json::RawJson;
use celery_transport::{Answers, Mailbox};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::methods::{Kind, Method};
use crate::options::AskingOptions;
use crate::output::Screen;
use crate::session::Known;

/// What is said when nobody answers, as upstream (`celery/bin/control.py`).
const NOBODY: &str = "No nodes replied within time constraint";

/// Asks the workers that `asking` names to do `method`. The replies are in the order of the nodes.
///
/// The queue of replies is removed on Ctrl-C as well.
pub(crate) async fn ask(
    known: &Known,
    asking: &AskingOptions,
    method: &str,
    arguments: Map<String, Value>,
) -> Result<Answers, Failure> {
    let transport = known.transport()?;
    let mut mailbox = Mailbox::open(&*transport, &known.settings.control_exchange).await?;
    let request = request(asking, method, arguments)?;
    let answers = tokio::select! {
        answers = mailbox.ask(request, asking.timeout, None) => answers.map_err(Failure::from),
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
    };
    let closed = mailbox.close().await;
    let mut answers = answers?;
    closed?;
    answers.replies.sort_by(|left, right| left.node.cmp(&right.node));
    Ok(answers)
}

/// The replies that count: not none, and one for each name. What else there was is said on standard error.
pub(crate) fn heard(screen: &Screen, answers: Answers) -> Result<Vec<ControlReply>, Failure> {
    let Answers { replies, unreadable, .. } = answers;
    for error in &unreadable {
        screen.note(format_args!("warning: a worker answers in a form that cannot be read: {error}"));
    }
    if replies.is_empty() {
        return Err(Failure::Unavailable(NOBODY.to_owned()));
    }
    let mut named: Vec<&str> =
        replies.windows(2).filter(|two| two[0].node == two[1].node).map(|two| &*two[0].node).collect();
    named.dedup();
    for node in named {
        screen.note(format_args!(
            "warning: several workers are called {node}: give each a name of its own with `worker -n NAME`"
        ));
    }
    Ok(replies)
}

/// Says where the methods are listed when no worker knows the one that was asked for.
pub(crate) fn hint(screen: &Screen, kind: Kind, method: &str, replies: &[ControlReply]) {
    // kombu/pidbox.py: Node.dispatch answers with the repr of the exception.
    let unknown = Answer::Error(format!("KeyError('{method}')"));
    if Method::named(method).is_none() && replies.iter().all(|reply| Answer::decode(&reply.value) == unknown)
    {
        screen.note(format_args!(
            "no worker knows {method}; `worker-cli {} --list` shows what every worker knows",
            kind.name()
        ));
    }
}

/// `{"node": value, …}`, as `celery inspect --json` writes it. Of several workers with one name the last counts.
pub(crate) fn by_node(replies: &[ControlReply]) -> String {
    let mut text = String::from("{");
    for (at, reply) in replies.iter().enumerate() {
        if replies.get(at + 1).is_some_and(|next| next.node == reply.node) {
            continue;
        }
        if text.len() > 1 {
            text.push_str(", ");
        }
        text.push_str(&entry(reply));
    }
    text.push('}');
    text
}

/// `[{"node": value}, …]`, as `celery control --json` writes it.
pub(crate) fn one_by_one(replies: &[ControlReply]) -> String {
    let replies: Vec<String> = replies.iter().map(|reply| format!("{{{}}}", entry(reply))).collect();
    format!("[{}]", replies.join(", "))
}

fn entry(reply: &ControlReply) -> String {
    format!("{}: {}", Value::from(&*reply.node), reply.value)
}

fn request(
    asking: &AskingOptions,
    method: &str,
    arguments: Map<String, Value>,
) -> Result<ControlRequest, Failure> {
    let arguments = RawJson::new(Value::Object(arguments).to_string())
        .map_err(|error| Failure::Usage(format!("the arguments of {method}: {error}")))?;
    let mut request = ControlRequest::new(&Command::Custom { method: method.to_owned(), arguments })?;
    request.clock = 1;
    if !asking.destination.is_empty() {
        request.destination = Some(asking.destination.clone());
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(node: &str, value: &str) -> ControlReply {
        ControlReply { node: node.to_owned(), value: value.to_owned(), ticket: None, clock: 1 }
    }

    #[test]
    fn json_as_upstream_writes_it() {
        let replies = [reply("w1@h", r#"{"ok": "pong"}"#), reply("w2@h", "[NaN]"), reply("w2@h", "null")];
        assert_eq!(by_node(&replies), r#"{"w1@h": {"ok": "pong"}, "w2@h": null}"#);
        assert_eq!(one_by_one(&replies), r#"[{"w1@h": {"ok": "pong"}}, {"w2@h": [NaN]}, {"w2@h": null}]"#);
    }
}
