//! Flower as a process, asked over its HTTP API (`flower/urls.py`).

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use ureq::Agent;

use crate::service::Service;
use crate::venv::Venv;
use crate::wait;

/// How long it may take to load the app and to listen.
const START: Duration = Duration::from_secs(40);

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// A running Flower; killed when dropped.
#[derive(Debug)]
pub struct Flower {
    _service: Service,
    url: String,
    agent: Agent,
}

/// What it answered to a request.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub text: String,
}

impl Flower {
    /// Starts it for the app `tasks` in `folder` on a free port, and waits until it listens.
    pub fn start(
        venv: &Venv,
        folder: &Path,
        environment: &[(String, String)],
        options: &[&str],
    ) -> Result<Self> {
        let mut command = venv.command("celery");
        command
            .args(["-A", "tasks", "flower", "--address=127.0.0.1", "--port=0"])
            .args(options)
            .current_dir(folder)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("FLOWER_UNAUTHENTICATED_API", "true");
        let mut service = Service::start(command)?;
        let url = service.wait_log("where it listens", START, |log| {
            let (_, rest) = log.split_once("Visit me at ")?;
            Some(rest.split_once('\n')?.0.trim().to_owned())
        })?;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER))
            .build()
            .new_agent();
        Ok(Self { _service: service, url, agent })
    }

    /// Where its first page is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Fetches `path`, which begins with a slash.
    pub fn get(&self, path: &str) -> Result<Answer> {
        let mut response = self.agent.get(format!("{}{path}", self.url)).call()?;
        Ok(Answer { status: response.status().as_u16(), text: response.body_mut().read_to_string()? })
    }

    /// Fetches JSON.
    pub fn json(&self, path: &str) -> Result<Value> {
        let answer = self.get(path)?;
        ensure!(answer.status == 200, "{path} is answered {answer:?}");
        serde_json::from_str(&answer.text).with_context(|| format!("{path} is answered {answer:?}"))
    }

    /// Posts a form.
    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Answer> {
        let mut response = self.agent.post(format!("{}{path}", self.url)).send_form(form.iter().copied())?;
        Ok(Answer { status: response.status().as_u16(), text: response.body_mut().read_to_string()? })
    }

    /// Whether it takes the worker for alive; `None` when it has not heard of it. It listens to events when it has.
    pub fn is_alive(&self, node: &str) -> Result<Option<bool>> {
        Ok(self.json("/api/workers?status=1")?[node].as_bool())
    }

    /// Waits until it has heard the worker and asked it what there is to ask, without which it refuses to steer it.
    pub fn wait_for(&self, node: &str) -> Result<()> {
        wait::until_true(
            &format!("Flower to hear {node}"),
            START,
            || Ok(self.is_alive(node)? == Some(true)),
        )?;
        wait::until_true(&format!("Flower to know {node}"), START, || {
            let answer = self.get(&format!("/api/workers?refresh=1&workername={node}"))?;
            Ok(answer.status == 200 && answer.text.contains("\"stats\""))
        })
    }

    /// What it knows of a task; `None` when it has not heard of it.
    pub fn task(&self, id: &str) -> Result<Option<Value>> {
        let path = format!("/api/task/info/{id}");
        if self.get(&path)?.status == 404 { Ok(None) } else { self.json(&path).map(Some) }
    }

    /// Waits until a task is in `state` there.
    pub fn wait_task(&self, id: &str, state: &str) -> Result<Value> {
        wait::until(&format!("Flower to show {id} in the state {state}"), START, || {
            Ok(self.task(id)?.filter(|task| task["state"] == state))
        })
    }
}
