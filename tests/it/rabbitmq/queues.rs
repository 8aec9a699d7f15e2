//! Queues as an app declares them, and who else declares them.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::Front;
use serde_json::json;

const SOON: Duration = Duration::from_secs(60);

/// What queues a worker declared with `settings`: name, type and arguments, as the broker lists them.
fn declared(front: Front, settings: &str) -> Result<Vec<String>> {
    let mut scene = Scene::open_on_rabbitmq("basic")?;
    scene.set_env("SETTINGS", settings);
    // Queues that a worker makes for itself have names of its own.
    let options = ["-n", "node@test", "--without-gossip", "--without-mingle"];
    let mut worker = scene.worker_spec().front(front).args(&options).start()?;
    let listings = [
        "list_queues name durable auto_delete arguments exclusive",
        "list_bindings source_name source_kind destination_name routing_key",
        "list_exchanges name type durable auto_delete",
    ];
    let mut listed = Vec::new();
    for listing in listings {
        let words: Vec<&str> = listing.split(' ').chain(["--no-table-headers"]).collect();
        listed.extend(scene.node()?.control(&words)?.lines().map(str::to_owned));
    }
    worker.kill()?;
    // Where a broker keeps what is due later: this worker has no use for it yet.
    listed.retain(|line| !line.contains("celery_delayed"));
    listed.sort();
    Ok(listed)
}

#[test]
fn the_same_is_declared_as_by_a_stock_worker() -> Result<()> {
    for settings in [
        "{}",
        r#"{"task_queue_max_priority": 5, "task_default_priority": 2}"#,
        r#"{"task_default_queue_type": "quorum"}"#,
        r#"{"task_default_exchange_type": "topic", "task_default_exchange": "tasks", "task_default_routing_key": "a.b"}"#,
    ] {
        let (ours, stock) = (declared(Front::WorkerCli, settings)?, declared(Front::Stock, settings)?);
        ensure!(ours == stock, "with {settings}\nours:\n{}\nstock:\n{}", ours.join("\n"), stock.join("\n"));
    }
    Ok(())
}

#[test]
fn a_queue_that_exists_otherwise_is_explained() -> Result<()> {
    let mut scene = Scene::open_on_rabbitmq("basic")?;
    scene.client()?.send("tasks.add", json!([1, 2]))?;
    scene.set_env("SETTINGS", r#"{"task_queue_max_priority": 5}"#);
    let (code, log) = scene.worker_spec().run(SOON)?;
    ensure!(code != 0, "the worker ended with {code}");
    for word in ["PRECONDITION_FAILED", "task_queue_max_priority", "rabbitmqctl delete_queue"] {
        ensure!(log.contains(word), "{word} is not in {log}");
    }
    Ok(())
}

#[test]
fn a_quorum_queue_delivers_and_takes_back() -> Result<()> {
    let mut scene = Scene::open_on_rabbitmq("basic")?;
    scene.set_env("SETTINGS", r#"{"task_default_queue_type": "quorum", "task_acks_late": true}"#);
    let mut client = scene.client()?;
    let mut worker = scene.worker(&["--sync-workers=1", "--loop-concurrency=1"])?;
    ensure!(client.run("tasks.add", json!([1, 2]))?.success()? == json!(3));
    ensure!(client.run("tasks.again", json!([]))?.success()? == json!(1));
    let dozing = client.send("tasks.doze", json!([600, "once"]))?;
    wait::until_true("it to start", SOON, || Ok(scene.notes("once")?.len() == 1))?;
    worker.kill()?;
    let _next = scene.worker(&["--sync-workers=1", "--loop-concurrency=1"])?;
    wait::until_true("it to start again", SOON, || Ok(scene.notes("once")?.len() == 2))?;
    ensure!(client.state(&dozing)? == "PENDING");
    Ok(())
}
