//! What the worker writes: the banner at its start, and Celery's log lines.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::worker::Front;
use serde_json::json;

#[test]
fn banner_tells_what_was_started_and_hides_the_password() -> Result<()> {
    banner_of(Front::WorkerCli)
}

#[test]
fn banner_under_the_celery_command() -> Result<()> {
    banner_of(Front::Celery)
}

fn banner_of(front: Front) -> Result<()> {
    let scene = Scene::open_with_password("basic", "s3cret")?;
    let options = ["-n", "shown@here", "--loop-workers=1", "--loop-concurrency=25", "--sync-workers=3"];
    let worker = scene.worker_spec().front(front).args(&options).start()?;
    let log = worker.log()?;
    ensure!(!log.contains("s3cret"), "the password is shown:\n{log}");
    let port = scene.redis.port();
    ensure!(log.contains("shown@here"), "no node name:\n{log}");
    line_with(&log, &["app:", "basic"])?;
    line_with(&log, &["transport:", &format!("redis://:**@127.0.0.1:{port}/0")])?;
    line_with(&log, &["results:", &format!("127.0.0.1:{port}/1")])?;
    line_with(&log, &["1", "25", "loop"])?;
    line_with(&log, &["3", "sync"])?;
    line_with(&log, &["celery", "exchange=celery(direct)", "key=celery"])?;
    line_with(&log, &["tasks.add_async", "async"])?;
    let sync =
        line_with(&log, &["tasks.doze ", "sync"]).or_else(|_| line_with(&log, &["sync", "tasks.doze"]))?;
    ensure!(!sync.contains("async"), "{sync}");
    line_with(&log, &["INFO", "shown@here ready."])?;
    Ok(())
}

#[test]
fn log_lines_are_celerys() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let worker = scene.worker(&[])?;
    for task in ["tasks.add", "tasks.add_async"] {
        let id = client.send(task, json!([1, 2]))?;
        client.get(&id, 10.0)?.success()?;
        let succeeded = format!("Task {task}[{id}] succeeded in ");
        worker.wait_log(&succeeded, Duration::from_secs(5))?;
        let log = worker.log()?;
        line_with(&log, &["INFO", &format!("Task {task}[{id}] received")])?;
        let line = line_with(&log, &["INFO", &succeeded])?;
        ensure!(line.trim_end().ends_with("s: 3"), "{line}");
    }
    for task in ["tasks.fail", "tasks.fail_async"] {
        let id = client.send(task, json!([]))?;
        client.get(&id, 10.0)?.failure()?;
        let raised = format!("Task {task}[{id}] raised unexpected: ValueError('on purpose')");
        worker.wait_log(&raised, Duration::from_secs(5))?;
        let log = worker.log()?;
        line_with(&log, &["ERROR", &raised])?;
        let after = log.split(&raised).nth(1).unwrap_or_default();
        ensure!(
            after.trim_start().starts_with("Traceback (most recent call last):"),
            "no traceback:\n{after}"
        );
    }
    let id = client.send("tasks.again", json!([]))?;
    client.get(&id, 10.0)?.success()?;
    worker.wait_log(&format!("Task tasks.again[{id}] retry: Retry in 0s"), Duration::from_secs(5))
}

#[test]
fn warning_level_keeps_quiet_about_single_tasks() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let worker = scene.worker_spec().log_level(Some("WARNING")).spawn()?;
    client.run("tasks.add_async", json!([1, 2]))?.success()?;
    client.run("tasks.fail", json!([]))?.failure()?;
    worker.wait_log("raised unexpected", Duration::from_secs(5))?;
    let log = worker.log()?;
    ensure!(!log.contains("received") && !log.contains("succeeded in"), "{log}");
    Ok(())
}

/// The first line that contains all of `words`.
fn line_with(log: &str, words: &[&str]) -> Result<String> {
    match log.lines().find(|line| words.iter().all(|word| line.contains(word))) {
        Some(line) => Ok(line.to_owned()),
        None => anyhow::bail!("no line with {words:?} in:\n{log}"),
    }
}
