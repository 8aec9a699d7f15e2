//! `self.request` is the task's own, for every coroutine and every thread.

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use serde_json::{Value, json};

#[test]
fn fifty_coroutines_each_see_their_own_request() -> Result<()> {
    each_sees_its_own("tasks.look_async", 50)
}

#[test]
fn functions_on_threads_each_see_their_own_request() -> Result<()> {
    each_sees_its_own("tasks.look", 12)
}

fn each_sees_its_own(task: &str, count: usize) -> Result<()> {
    let scene = Scene::open("request")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["--loop-concurrency=50", "--sync-workers=4"])?;
    let mut sent = Vec::new();
    for n in 0..count {
        let options = json!({"kwargs": {"tag": n}, "headers": {"tenant": format!("tenant-{n}")}});
        sent.push(client.send_with(task, json!([delay(n)]), options)?);
    }
    for (n, id) in sent.iter().enumerate() {
        let seen = client.get(id, 20.0)?.success()?;
        ensure!(seen["id"] == json!(id), "{id} saw {seen}");
        ensure!(seen["root_id"] == json!(id) && seen["correlation_id"] == json!(id), "{seen}");
        ensure!(seen["task"] == json!(task), "{seen}");
        ensure!(seen["args"] == json!([delay(n)]) && seen["kwargs"] == json!({"tag": n}), "{seen}");
        ensure!(seen["headers"]["tenant"] == json!(format!("tenant-{n}")), "{seen}");
        ensure!(
            seen["retries"] == 0 && seen["called_directly"] == false && seen["is_eager"] == false,
            "{seen}"
        );
        let delivery = json!({"exchange": "", "routing_key": "celery", "priority": 0, "redelivered": false});
        ensure!(seen["delivery_info"] == delivery, "{seen}");
        ensure!(seen["hostname"].as_str().is_some_and(|name| name.contains('@')), "{seen}");
    }
    Ok(())
}

/// Earlier tasks wait longer, so that they end in another order than they started.
fn delay(n: usize) -> f64 {
    (60 - n.min(60)) as f64 / 200.0
}

#[test]
fn children_and_threads_of_a_coroutine_see_its_request() -> Result<()> {
    let scene = Scene::open("request")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["--loop-concurrency=20"])?;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(client.send("tasks.look_from_children", json!([]))?);
    }
    for id in &ids {
        let seen = client.get(id, 20.0)?.success()?;
        let seen = seen.as_array().cloned().unwrap_or_default();
        ensure!(
            seen.len() == 10 && seen.iter().all(|one| one == &Value::String(id.clone())),
            "{id} saw {seen:?}"
        );
    }
    Ok(())
}

#[test]
fn a_failing_neighbour_does_not_pop_anothers_request() -> Result<()> {
    let scene = Scene::open("request")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["--loop-concurrency=20"])?;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(client.send("tasks.look_after_failure_of_another", json!([0.005 * f64::from(n)]))?);
    }
    for (n, id) in ids.iter().enumerate() {
        let outcome = client.get(id, 20.0)?;
        if n < 6 {
            ensure!(outcome.failure()?.args == json!([id]), "the exception of another task");
        } else {
            ensure!(outcome.success()? == json!(id), "the id of another task");
        }
    }
    Ok(())
}
