//! The broker goes away and comes back.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use serde_json::json;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_node_that_is_killed_and_comes_back() -> Result<()> {
    let mut scene = Scene::open_on_rabbitmq("basic")?;
    let mut client = scene.client()?;
    let worker = scene.worker(&["--sync-workers=1", "--loop-concurrency=1"])?;
    ensure!(client.run("tasks.add", json!([1, 2]))?.success()? == json!(3));
    scene.node()?.kill()?;
    wait::until_true("the worker to notice", LONG, || {
        Ok(worker.log()?.contains("Connection to broker lost. Trying to re-establish the connection"))
    })?;
    scene.node()?.start_again()?;
    wait::until_true("the worker to be back", LONG, || {
        Ok(worker.log()?.contains("Connection to broker re-established"))
    })?;
    // A client of its own: the first one's connection is gone, too.
    let mut client = scene.client()?;
    ensure!(client.run("tasks.add_async", json!([3, 4]))?.success()? == json!(7));
    Ok(())
}

#[test]
fn connections_that_the_node_closes_lose_nothing_and_repeat_only_what_runs() -> Result<()> {
    let mut scene = Scene::open_on_rabbitmq("basic")?;
    scene.set_env("SETTINGS", r#"{"task_acks_late": true}"#);
    let mut client = scene.client()?;
    let worker = scene.worker(&["--sync-workers=1", "--loop-concurrency=1"])?;
    let held = client.send("tasks.doze", json!([5, "held"]))?;
    wait::until_true("it to start", LONG, || Ok(scene.notes("held")?.len() == 1))?;
    let mut waiting = Vec::new();
    for number in 0..20 {
        waiting.push(client.send("tasks.add", json!([number, 1]))?);
    }
    scene.node()?.close_connections()?;
    let mut client = scene.client()?;
    for (number, id) in waiting.iter().enumerate() {
        ensure!(client.get(id, 60.0)?.success()? == json!(number + 1));
    }
    ensure!(client.get(&held, 60.0)?.success()? == json!("held"));
    // It ran when the connection was closed, so its message came again.
    ensure!(scene.notes("held")?.iter().filter(|note| *note == "started").count() <= 2, "{}", worker.log()?);
    let log = worker.log()?;
    ensure!(log.contains("Connection to broker re-established"), "{log}");
    for id in &waiting {
        let ran = log.matches(&format!("[{id}] succeeded in")).count();
        ensure!(ran == 1, "{id} waited when the connection was lost, and ran {ran} times: {log}");
    }
    Ok(())
}
