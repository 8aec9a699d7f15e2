//! Remote control and events over RabbitMQ, with stock clients.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::Front;
use serde_json::json;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn commands_reach_both_kinds_of_workers() -> Result<()> {
    let scene = Scene::open_on_rabbitmq("control")?;
    let mut client = scene.client()?;
    let _stock = scene.worker_spec().front(Front::Stock).args(&["-n", "stock@test", "-c", "1"]).start()?;
    let ours = scene.worker(&["-n", "ours@test", "--sync-workers=1", "--loop-concurrency=1"])?;
    wait::until_true("both nodes to answer", SOON, || {
        Ok(client.call("probe:nodes", json!([1.0]))? == json!(["ours@test", "stock@test"]))
    })?;
    let queues = client.call("probe:ask", json!(["inspect", "active_queues", "ours@test", {}]))?;
    ensure!(queues[0]["name"] == "celery" && queues[1]["routing_key"] == "video.#", "{queues}");
    let id = client.send_with("tasks.add", json!([1, 2]), json!({"countdown": 3600}))?;
    let ids = json!({"task_id": id});
    client.call("probe:ask", json!(["control", "revoke", "ours@test", ids]))?;
    ensure!(ours.log()?.contains(&format!("Tasks flagged as revoked: {id}")), "{}", ours.log()?);
    Ok(())
}

#[test]
fn the_clocks_of_a_mixed_fleet_and_its_revoked_tasks_are_shared() -> Result<()> {
    let scene = Scene::open_on_rabbitmq("control")?;
    let mut client = scene.client()?;
    let first = scene.worker_spec().front(Front::Stock).args(&["-n", "stock@test", "-c", "1"]).start()?;
    let revoked = "00000000-0000-4000-8000-000000000001";
    client.call("probe:ask", json!(["control", "revoke", "stock@test", {"task_id": revoked}]))?;
    wait::until_true("it to be revoked", SOON, || Ok(first.log()?.contains(revoked)))?;
    let ours = scene.worker(&["-n", "ours@test"])?;
    ensure!(ours.log()?.contains("mingle: sync with 1 nodes"), "{}", ours.log()?);
    client.send_with("tasks.add", json!([1, 2]), json!({"task_id": revoked}))?;
    wait::until_true("it to be discarded", SOON, || {
        Ok([&first, &ours]
            .iter()
            .any(|worker| worker.log().is_ok_and(|log| log.contains("Discarding revoked task"))))
    })
}
