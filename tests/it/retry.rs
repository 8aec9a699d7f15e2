//! `self.retry` from coroutines and functions, and what tasks publish.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use serde_json::json;

#[test]
fn retries_keep_the_id_and_wait_for_their_countdown() -> Result<()> {
    let scene = Scene::open("retry")?;
    let mut client = scene.client()?;
    let worker = scene.worker(&[])?;
    for task in ["tasks.retry_async", "tasks.retry_sync"] {
        let id = client.send_with(task, json!([2, 0.7]), json!({"headers": {"tenant": "a"}}))?;
        let value = client.get(&id, 20.0)?.success()?;
        ensure!(value["id"] == json!(id) && value["retries"] == 2, "{value}");
        ensure!(value["headers"]["tenant"] == "a", "the headers of the request were lost: {value}");
        let stamps: Vec<f64> = scene.notes(&id)?.iter().filter_map(|stamp| stamp.parse().ok()).collect();
        ensure!(stamps.len() == 3, "it ran at {stamps:?}");
        for pair in stamps.windows(2) {
            ensure!(pair[1] - pair[0] >= 0.7, "a retry came early: {stamps:?}");
        }
        let log = worker.log()?;
        ensure!(
            log.contains(&format!("Task {task}[{id}] retry: Retry in 0.7s")),
            "no line for the retry:\n{log}"
        );
    }
    Ok(())
}

#[test]
fn a_task_that_waits_for_its_retry_shows_why() -> Result<()> {
    let scene = Scene::open("retry")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let id = client.send("tasks.waits_for_retry", json!([]))?;
    wait::until_true("the state RETRY", Duration::from_secs(10), || Ok(client.state(&id)? == "RETRY"))?;
    let meta = client.meta(&id)?;
    let wanted = json!({"exc_type": "ConnectionError", "exc_message": ["refused"], "exc_module": "builtins"});
    ensure!(meta["result"] == wanted, "{meta}");
    let traceback = meta["traceback"].as_str().unwrap_or_default();
    ensure!(traceback.contains("waits_for_retry"), "the traceback is {traceback:?}");
    let held = scene.queued("celery")? + scene.unacked()?;
    ensure!(held == 1, "the broker holds {held} messages instead of the retry");
    Ok(())
}

#[test]
fn exhausted_retries_raise_what_was_given() -> Result<()> {
    let scene = Scene::open("retry")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    for task in ["tasks.exhausted_async", "tasks.exhausted_sync"] {
        let error = client.run(task, json!([]))?.failure()?;
        ensure!(error.kind == "KeyError" && error.args == json!(["gone"]), "{task}: {error:?}");
    }
    let error = client.run("tasks.exhausted_without_cause", json!([]))?.failure()?;
    ensure!(error.kind == "MaxRetriesExceededError", "{error:?}");
    Ok(())
}

#[test]
fn a_retry_may_change_its_arguments() -> Result<()> {
    let scene = Scene::open("retry")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let retries = client.run("tasks.retry_other_arguments", json!([2]))?.success()?;
    ensure!(retries == json!(2), "{retries} retries");
    Ok(())
}

#[test]
fn tasks_published_by_a_coroutine_run() -> Result<()> {
    let scene = Scene::open("retry")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let ids = client.run("tasks.sends_others", json!([50]))?.success()?;
    let ids: Vec<String> = serde_json::from_value(ids)?;
    for (n, id) in ids.iter().enumerate() {
        ensure!(client.get(id, 10.0)?.success()? == json!(n));
    }
    Ok(())
}
