//! A coroutine that blocks its event loop is found out.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);

#[test]
fn the_log_names_the_task_and_what_it_does() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let worker = scene.worker(&["-n", "ours@test"])?;
    let id = client.send("tasks.blocking", json!([3]))?;
    worker.wait_log("Event loop 0 has been blocked for", SOON)?;
    let log = worker.log()?;
    ensure!(log.contains(&format!("by task tasks.blocking[{id}]")), "{log}");
    ensure!(log.contains("time.sleep(seconds)"), "the stack is not there:\n{log}");
    let lag = wait::until("the lag to be seen", SOON, || {
        let stats = client.call("probe:ask", json!(["inspect", "stats", "ours@test", {}]))?;
        Ok(stats["pool"]["loops"][0]["lag"].as_f64().filter(|lag| *lag > 1.0))
    })?;
    ensure!(lag < 10.0, "{lag}");
    client.get(&id, 20.0)?.success()?;
    ensure!(worker.log()?.matches("has been blocked").count() == 1, "said more than once:\n{log}");
    Ok(())
}
