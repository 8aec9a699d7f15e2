//! A stock Celery client in a process of its own: it sends tasks and reads results, and knows nothing of our worker.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{paths, venv::Venv};

/// What `AsyncResult.get()` gave or raised.
#[derive(Clone, Debug, Deserialize)]
pub struct Outcome {
    /// The state after `get()`.
    pub state: String,
    /// What it returned; null when it raised.
    pub value: Value,
    /// What it raised.
    pub error: Option<ClientError>,
    /// The stored traceback.
    pub traceback: Option<String>,
}

/// An exception that `get()` raised in the client.
#[derive(Clone, Debug, Deserialize)]
pub struct ClientError {
    /// Name of its class.
    #[serde(rename = "type")]
    pub kind: String,
    /// Module of its class.
    pub module: String,
    /// Its `args`.
    pub args: Value,
    /// Its `str()`.
    pub text: String,
}

impl Outcome {
    /// The value of a task that succeeded.
    pub fn success(self) -> Result<Value> {
        match (self.state.as_str(), &self.error) {
            ("SUCCESS", None) => Ok(self.value),
            _ => bail!("expected SUCCESS, got {self:?}"),
        }
    }

    /// The exception of a task that failed.
    pub fn failure(self) -> Result<ClientError> {
        match (self.state.as_str(), self.error) {
            ("FAILURE", Some(error)) => Ok(error),
            (state, error) => bail!("expected FAILURE, got {state} {:?} {error:?}", self.value),
        }
    }
}

/// The client process; ends when dropped.
#[derive(Debug)]
pub struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Client {
    /// Starts a client of the app `tasks` in `folder`.
    pub fn start(venv: &Venv, folder: &Path, environment: &[(String, String)]) -> Result<Self> {
        let mut child = venv
            .command("python")
            .arg(paths::app("client.py"))
            .arg(folder)
            .current_dir(folder)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the Celery client")?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or_else(|| anyhow!("the client has no output"))?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Sends `task` with positional arguments; gives its id.
    pub fn send(&mut self, task: &str, args: Value) -> Result<String> {
        self.send_with(task, args, json!({}))
    }

    /// Sends `task` with options of `apply_async`; gives its id.
    pub fn send_with(&mut self, task: &str, args: Value, options: Value) -> Result<String> {
        let id = self.ask(json!({"op": "send", "task": task, "args": args, "options": options}))?;
        id.as_str().map(str::to_owned).ok_or_else(|| anyhow!("no task id: {id}"))
    }

    /// Sends `task` once for each list of positional arguments; gives the ids.
    pub fn send_all(&mut self, task: &str, args: &[Value]) -> Result<Vec<String>> {
        let ids = self.ask(json!({"op": "send_all", "task": task, "args": args}))?;
        serde_json::from_value(ids).context("no list of ids")
    }

    /// Queues `count` messages for `tasks` in turn, which RabbitMQ has on disk then: ids end in the number of the task,
    /// which is its argument, and begin as `first_id`.
    pub fn fill(&mut self, tasks: &[&str], count: usize, first_id: &str) -> Result<()> {
        let request = json!({"op": "fill", "tasks": tasks, "count": count, "first_id": first_id});
        self.ask(request).map(drop)
    }

    /// `AsyncResult(id).get(timeout=seconds)`.
    pub fn get(&mut self, id: &str, seconds: f64) -> Result<Outcome> {
        let outcome = self.ask(json!({"op": "get", "id": id, "timeout": seconds}))?;
        serde_json::from_value(outcome).context("not an outcome")
    }

    /// Sends `task` and waits for its outcome.
    pub fn run(&mut self, task: &str, args: Value) -> Result<Outcome> {
        let id = self.send(task, args)?;
        self.get(&id, 20.0)
    }

    /// `AsyncResult(id).state`.
    pub fn state(&mut self, id: &str) -> Result<String> {
        let state = self.ask(json!({"op": "state", "id": id}))?;
        state.as_str().map(str::to_owned).ok_or_else(|| anyhow!("no state: {state}"))
    }

    /// The states of many tasks, counted: `{"SUCCESS": 3}`.
    pub fn states(&mut self, ids: &[String]) -> Result<Value> {
        self.ask(json!({"op": "states", "ids": ids}))
    }

    /// What the backend holds for the task: `backend.get_task_meta(id)` before any decoding of the exception.
    pub fn meta(&mut self, id: &str) -> Result<Value> {
        self.ask(json!({"op": "meta", "id": id}))
    }

    /// Calls `module:function` of the app's folder; gives what it returned.
    pub fn call(&mut self, function: &str, args: Value) -> Result<Value> {
        self.ask(json!({"op": "call", "function": function, "args": args}))
    }

    fn ask(&mut self, request: Value) -> Result<Value> {
        let input = self.input.as_mut().ok_or_else(|| anyhow!("the client has ended"))?;
        writeln!(input, "{request}").with_context(|| format!("the client does not take {request}"))?;
        input.flush()?;
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the client ended at {request}");
        }
        let mut reply: Value = serde_json::from_str(&line).with_context(|| format!("not a reply: {line}"))?;
        match reply.get("error") {
            Some(error) => bail!("the client failed at {request}: {}", error.as_str().unwrap_or("?")),
            None => Ok(reply["reply"].take()),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.input.take());
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}
