//! Asking the app, when one is named: in a process of its own, once.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::options::App;

/// What is asked.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Question<'a> {
    /// Whether the result backend is wanted, which is slow to load.
    pub(crate) results: bool,
    /// A task whose route is wanted.
    pub(crate) route: Option<RouteQuestion<'a>>,
}

/// What is asked of whom.
#[derive(Debug, Serialize)]
struct Letter<'a> {
    /// The options that load the app.
    app: &'a App,
    #[serde(flatten)]
    question: Question<'a>,
}

/// Where a task goes (`celery/app/base.py: Celery.send_task`).
#[derive(Debug, Serialize)]
pub(crate) struct RouteQuestion<'a> {
    pub(crate) name: &'a str,
    pub(crate) args: &'a Value,
    pub(crate) kwargs: &'a Value,
    /// `queue`, `exchange` and `routing_key`, as far as they were given.
    pub(crate) options: Map<String, Value>,
}

/// What an app says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    /// Settings by their names.
    #[serde(default)]
    pub(crate) settings: Map<String, Value>,
    /// The queues that its workers consume from.
    #[serde(default)]
    pub(crate) queues: Vec<String>,
    /// Where the task goes.
    #[serde(default)]
    pub(crate) route: Option<Route>,
    /// Why it cannot be said.
    #[serde(default)]
    error: Option<String>,
}

/// Where a task goes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    /// Empty for the default exchange.
    pub(crate) exchange: String,
    pub(crate) exchange_type: String,
    pub(crate) routing_key: String,
    /// What else the app's routes say: `priority` and the like.
    pub(crate) options: Map<String, Value>,
}

/// Asks the app that `app` names, in the interpreter `python`.
///
/// # Errors
///
/// What is wrong, as a line for people.
pub(crate) fn ask(python: &Path, app: &App, question: Question<'_>) -> Result<Answer, String> {
    let question = serde_json::to_vec(&Letter { app, question }).map_err(|error| error.to_string())?;
    let failed = |error: std::io::Error| format!("cannot ask {}: {error}", python.display());
    let mut child = Command::new(python)
        .args(["-m", "celery_oxide._describe"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let written = child.stdin.take().map(|mut input| input.write_all(&question));
    let output = child.wait_with_output().map_err(failed)?;
    let answer: Option<Answer> = serde_json::from_slice(&output.stdout).ok();
    match (answer, written) {
        (Some(Answer { error: Some(error), .. }), _) => Err(error),
        (Some(answer), Some(Ok(()))) => Ok(answer),
        // Whatever it was, the interpreter has said it.
        _ => Err(format!("{} could not load the app ({})", python.display(), output.status)),
    }
}
