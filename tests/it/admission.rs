//! How many messages a worker takes, and what becomes of those that come again.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::paths;
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use serde_json::json;

const SOON: Duration = Duration::from_secs(15);

/// Sends twice as many tasks of each kind as there are slots, and looks at what stays in the queue.
fn takes_no_more_than_it_has_slots_for(scene: &Scene, options: &[&str]) -> Result<()> {
    let mut client = scene.client()?;
    let folder = paths::scratch("held-")?;
    let until = folder.path().join("go");
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(client.send("tasks.held", json!([format!("{number}"), until]))?);
    }
    let _worker = scene.worker(&[&["--sync-workers=2", "--loop-concurrency=3"], options].concat())?;
    wait::until_true("two to start", SOON, || Ok(scene.notes("started")?.len() == 2))?;
    // The answer comes from the loop that fetches: it has had its turn after the start.
    ensure!(client.call("look:nodes", json!([]))? == json!(1), "no worker answers");
    ensure!(scene.queued("celery")? == 2, "{} of 4 are left in the queue", scene.queued("celery")?);
    std::fs::write(&until, "")?;
    for id in &ids {
        client.get(id, 20.0)?.success()?;
    }
    Ok(())
}

#[test]
fn without_prefetch_nothing_is_held_that_has_no_slot() -> Result<()> {
    let scene = Scene::open("basic")?;
    takes_no_more_than_it_has_slots_for(&scene, &["--disable-prefetch"])
}

#[test]
fn without_prefetch_by_the_setting() -> Result<()> {
    let mut scene = Scene::open("basic")?;
    scene.set_env("SETTINGS", r#"{"worker_disable_prefetch": true}"#);
    takes_no_more_than_it_has_slots_for(&scene, &[])
}

#[test]
fn without_prefetch_all_of_both_kinds_run() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["--disable-prefetch", "--sync-workers=1", "--loop-concurrency=2"])?;
    let mut ids = Vec::new();
    for number in 0..40 {
        ids.push(client.send("tasks.add", json!([number, 1]))?);
        ids.push(client.send("tasks.add_async", json!([number, 1]))?);
    }
    for id in &ids {
        client.get(id, 20.0)?.success()?;
    }
    Ok(())
}

#[test]
fn no_more_tasks_than_the_limit_wait_for_their_eta() -> Result<()> {
    let mut scene = Scene::open("basic")?;
    scene.set_env("SETTINGS", r#"{"worker_eta_task_limit": 3}"#);
    let mut client = scene.client()?;
    let worker = scene.worker(&[])?;
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(client.send_with("tasks.add_async", json!([number, 1]), json!({"countdown": 2}))?);
    }
    wait::until_true("three to be taken", SOON, || Ok(scene.unacked()? == 3))?;
    ensure!(client.call("look:nodes", json!([]))? == json!(1), "no worker answers");
    let (held, queued) = (scene.unacked()?, scene.queued("celery")?);
    // Those that are due meanwhile make room.
    let due = worker.log()?.matches(" succeeded in ").count();
    ensure!(held <= 3 && held + queued + due >= 8, "{held} are held, {queued} queued, {due} done");
    for (number, id) in ids.iter().enumerate() {
        ensure!(client.get(id, 20.0)?.success()? == json!(number + 1));
    }
    Ok(())
}

#[test]
fn a_body_that_ends_its_process_has_lost_its_worker() -> Result<()> {
    let scene = Scene::open("results")?;
    let mut client = scene.client()?;
    let mut worker = scene.worker(&[])?;
    let error = client.run("tasks.system_exit", json!([]))?.failure()?;
    ensure!(error.kind == "WorkerLostError", "{error:?}");
    ensure!(error.args == json!(["Worker exited prematurely: exitcode 3."]), "{error:?}");
    for task in ["tasks.exits_once", "tasks.exits_once_async"] {
        ensure!(client.run(task, json!([]))?.success()? == json!("again"), "{task}");
    }
    ensure!(worker.is_running()?, "it ended the worker");
    Ok(())
}
