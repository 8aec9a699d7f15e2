//! Every clause of the async tasks page, under both commands, as a stock client sees it.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::http::HttpServer;
use celery_oxide_tests::redis::free_port;
use celery_oxide_tests::scene::{BACKEND, Scene};
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::Front;
use serde_json::{Value, json};

/// Results by messages.
const RPC: &str = "rpc://";

/// What the page's HTTP server answers.
const PAGE: &str = "a page of text";

#[test]
fn page_under_worker_cli() -> Result<()> {
    page_under(Front::WorkerCli, &Scene::open("page")?)
}

#[test]
fn page_under_celery_command() -> Result<()> {
    page_under(Front::Celery, &Scene::open("page")?)
}

#[test]
fn page_on_rabbitmq_under_worker_cli() -> Result<()> {
    page_under(Front::WorkerCli, &Scene::open_on_rabbitmq("page")?)
}

#[test]
fn page_on_rabbitmq_under_celery_command() -> Result<()> {
    page_under(Front::Celery, &Scene::open_on_rabbitmq("page")?)
}

/// Results go to a queue of the client's, which shows it the last state only, and that to whoever waits for the end.
#[test]
fn page_on_rabbitmq_with_results_by_rpc() -> Result<()> {
    let mut scene = Scene::open_on_rabbitmq("page")?;
    scene.set_env(BACKEND, RPC);
    page_under(Front::WorkerCli, &scene)
}

fn page_under(front: Front, scene: &Scene) -> Result<()> {
    let mut client = scene.client()?;
    let server = HttpServer::start(PAGE)?;
    let refusing_port = free_port()?;
    let refusing_url = format!("http://127.0.0.1:{refusing_port}/");

    let options: &[&str] = match front {
        Front::WorkerCli => &["--loop-workers=1", "--loop-concurrency=1000"],
        Front::Celery | Front::Stock => &["--loop-concurrency=1000", "--loop-workers=1"],
    };
    let mut worker = scene.worker_spec().front(front).args(options).start()?;
    let sent = client.call("producer:send", json!([server.url(), refusing_url]))?;
    let id = |name: &str| sent[name].as_str().unwrap_or_default().to_owned();

    let mut clauses = Clauses::default();
    clauses.check("fetch_url gives the body of a real response", || {
        expect(&mut client, &id("fetch_url"), 20.0, &json!(PAGE))?;
        ensure!(server.served() == 1, "the server answered {} requests", server.served());
        Ok(())
    });
    clauses.check("async_task doubles", || expect(&mut client, &id("async_task"), 20.0, &json!(84)));
    clauses.check("sync_task doubles", || expect(&mut client, &id("sync_task"), 20.0, &json!(84)));
    clauses
        .check("priority=255 is taken and done", || expect(&mut client, &id("priority"), 20.0, &json!(84)));
    clauses.check("long_task ends within its limits", || {
        expect(&mut client, &id("long_task"), 20.0, &Value::Null)
    });
    clauses.check("retrying_task is refused, retries after 5 s and succeeds", || {
        let id = id("retrying_task");
        if scene.environment(BACKEND) == Some(RPC) {
            wait::until_true("the retry", Duration::from_secs(10), || {
                Ok(worker.log()?.contains("Retry in 5s"))
            })?;
        } else {
            wait::until_true("the state RETRY", Duration::from_secs(10), || {
                Ok(client.state(&id)? == "RETRY")
            })?;
            let meta = client.meta(&id)?;
            let traceback = meta["traceback"].as_str().unwrap_or_default();
            ensure!(traceback.trim_end().ends_with("celery.exceptions.Retry: Retry in 5s"), "{meta}");
        }
        let server = HttpServer::start_on(refusing_port, PAGE)?;
        expect(&mut client, &id, 20.0, &json!(PAGE))?;
        ensure!(server.served() == 1, "the server answered {} requests", server.served());
        Ok(())
    });
    clauses.check("countdown=30 is not early", || {
        let state = client.state(&id("countdown"))?;
        ensure!(state == "PENDING", "the state is {state} before the countdown is over");
        Ok(())
    });
    clauses
        .check("countdown=30 is done when due", || expect(&mut client, &id("countdown"), 45.0, &json!(84)));
    clauses.check("an ETA one hour ahead waits, and is kept by the broker", || {
        let state = client.state(&id("eta"))?;
        ensure!(state == "PENDING", "the state is {state} an hour early");
        let held = scene.queued("celery")? + scene.unacked()?;
        ensure!(held == 1, "the broker holds {held} messages instead of the one that waits");
        Ok(())
    });
    clauses.check("SIGTERM ends the worker with 0, the waiting task still kept", || {
        let code = worker.terminate(Duration::from_secs(20))?;
        ensure!(code == 0, "exit code {code}");
        let held = scene.queued("celery")? + scene.unacked()?;
        ensure!(held == 1, "the broker holds {held} messages instead of the one that waits");
        Ok(())
    });
    clauses.verdict()
}

fn expect(client: &mut Client, id: &str, seconds: f64, value: &Value) -> Result<()> {
    let got = client.get(id, seconds)?.success()?;
    ensure!(got == *value, "got {got}, expected {value}");
    Ok(())
}

/// Runs clause after clause, so that one report names all that do not hold.
#[derive(Default)]
struct Clauses {
    broken: Vec<String>,
}

impl Clauses {
    fn check(&mut self, clause: &str, holds: impl FnOnce() -> Result<()>) {
        if let Err(error) = holds() {
            self.broken.push(format!("{clause}: {error:#}"));
        }
    }

    fn verdict(self) -> Result<()> {
        if !self.broken.is_empty() {
            bail!("{} clauses of the page do not hold:\n  {}", self.broken.len(), self.broken.join("\n  "));
        }
        Ok(())
    }
}
