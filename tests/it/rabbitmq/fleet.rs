//! Stock workers and ours on the same queues.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::Front;
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(120);
const TASKS: usize = 400;

/// Both kinds share a queue, ours is stopped and comes back: each task runs once.
fn shared(settings: &str) -> Result<()> {
    let mut scene = Scene::open_on_rabbitmq("load")?;
    scene.set_env("SETTINGS", settings);
    let mut client = scene.client()?;
    let stock = scene.worker_spec().front(Front::Stock).args(&["-n", "stock@test", "-c", "2"]).start()?;
    let options = ["-n", "ours@test", "--sync-workers=1", "--loop-concurrency=2"];
    let mut ours = scene.worker(&options)?;
    let numbers: Vec<Value> = (0..TASKS).map(|number| json!([number])).collect();
    let ids = client.send_all("tasks.touch", &numbers[..TASKS / 2])?;
    ensure!(ours.terminate(LONG)? == 0, "{}", ours.log()?);
    ours = scene.worker(&options)?;
    let more = client.send_all("tasks.touch", &numbers[TASKS / 2..])?;
    let ids = [ids, more].concat();
    wait::until_true("all results", LONG, || Ok(client.states(&ids)? == json!({"SUCCESS": TASKS})))?;
    let effects = client.call("producer:effects", json!([TASKS]))?;
    ensure!(effects == json!({"1": TASKS}), "tasks by their number of effects: {effects}");
    for worker in [&stock, &ours] {
        let log = worker.log()?;
        ensure!(log.contains("succeeded in"), "a worker had nothing to do: {log}");
        ensure!(!log.contains("PRECONDITION_FAILED") && !log.contains("ERROR"), "{log}");
    }
    Ok(())
}

#[test]
fn on_a_classic_queue() -> Result<()> {
    shared(r#"{"task_queue_max_priority": 9}"#)
}

#[test]
fn on_a_quorum_queue() -> Result<()> {
    shared(r#"{"task_default_queue_type": "quorum"}"#)
}
