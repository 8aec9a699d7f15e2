//! What monitors are told.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::Front;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);
const OURS: &str = "ours@test";
const STOCK: &str = "stock@test";

/// The events of a task until one of type `last` came.
fn heard(client: &mut Client, id: &str, last: &str) -> Result<Vec<Value>> {
    wait::until(&format!("{last} of {id}"), SOON, || {
        let events = client.call("probe:heard", json!([id]))?;
        let events: Vec<Value> = serde_json::from_value(events)?;
        Ok(events.iter().any(|event| event["type"] == last).then_some(events))
    })
}

/// The type of an event and its fields, without those that are never the same.
fn told(event: &Value) -> Value {
    let mut told = event.clone();
    for key in
        ["uuid", "hostname", "pid", "clock", "timestamp", "local_received", "root_id", "parent_id", "runtime"]
    {
        if let Some(value) = told.get_mut(key) {
            *value = if value.is_null() { Value::Null } else { json!("…") };
        }
    }
    for key in ["eta", "expires", "traceback"] {
        if let Some(value) = told.get_mut(key).filter(|value| !value.is_null()) {
            *value = json!("…");
        }
    }
    told
}

#[test]
fn a_task_is_told_of_as_by_a_stock_worker() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let stock = scene.worker_spec().front(Front::Stock);
    let _stock = stock.args(&["-n", STOCK, "-c", "1", "-Q", "stock", "-E"]).start()?;
    let _ours = scene.worker(&["-n", OURS, "-Q", "ours", "-E"])?;
    client.call("probe:listen", json!([]))?;
    for (task, args, options, last) in [
        ("tasks.add", json!([1, 2]), json!({}), "task-succeeded"),
        ("tasks.fail", json!([]), json!({}), "task-failed"),
        ("tasks.again", json!([]), json!({}), "task-succeeded"),
        ("tasks.reject", json!([]), json!({}), "task-failed"),
        ("tasks.reject_late", json!([]), json!({}), "task-rejected"),
        ("tasks.ignore", json!([]), json!({}), "task-started"),
        ("tasks.add", json!([1, 2]), json!({"countdown": 0.2}), "task-succeeded"),
        // Far ahead, so the broker keeps it.
        ("tasks.add", json!([1, 2]), json!({"countdown": 4000}), "task-received"),
        ("tasks.add", json!([1, 2]), json!({"expires": 60}), "task-succeeded"),
        ("tasks.add", json!([1, 2]), json!({"shadow": "other.name"}), "task-succeeded"),
        ("tasks.add", json!([1, 2]), json!({"countdown": -20, "expires": -10}), "task-revoked"),
        ("tasks.nobody", json!([]), json!({}), "task-failed"),
    ] {
        let of = |client: &mut Client, queue: &str| -> Result<Vec<Value>> {
            let mut options = options.clone();
            options["queue"] = json!(queue);
            let id = client.send_with(task, args.clone(), options)?;
            let mut events: Vec<Value> = heard(client, &id, last)?.iter().map(told).collect();
            // A retry may be received before its predecessor is told of.
            if task == "tasks.again" {
                events.sort_by_key(|event| (event["type"].to_string(), event["retries"].as_u64()));
            }
            Ok(events)
        };
        let (ours, stock) = (of(&mut client, "ours")?, of(&mut client, "stock")?);
        ensure!(
            ours == stock,
            "{task} {options} is told of as\n{ours:#?}\nand by a stock worker as\n{stock:#?}"
        );
    }
    Ok(())
}

#[test]
fn a_worker_comes_and_goes() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    client.call("probe:listen", json!([]))?;
    let of = |client: &mut Client, kind: &str| -> Result<Vec<Value>> {
        let events: Vec<Value> = serde_json::from_value(client.call("probe:heard_of_type", json!([kind]))?)?;
        Ok(events.into_iter().filter(|event| event["hostname"] == OURS).collect())
    };
    // Without -E too.
    let mut worker = scene.worker(&["-n", OURS, "--heartbeat-interval=0.2"])?;
    client.run("tasks.add", json!([1, 2]))?.success()?;
    let beat = wait::until("a heartbeat after the task", SOON, || {
        Ok(of(&mut client, "worker-heartbeat")?.into_iter().find(|event| event["processed"] == json!(1)))
    })?;
    ensure!(beat["freq"] == json!(0.2) && beat["sw_ident"] == json!("py-celery"), "{beat:#}");
    ensure!(beat["loadavg"].as_array().map(Vec::len) == Some(3), "{beat:#}");
    ensure!(of(&mut client, "worker-online")?.len() == 1);
    ensure!(client.call("probe:heard_of_type", json!(["task-received"]))? == json!([]));
    ensure!(worker.terminate(SOON)? == 0);
    wait::until_true(
        "the worker to say goodbye",
        SOON,
        || Ok(of(&mut client, "worker-offline")?.len() == 1),
    )?;
    // The clock tells the order.
    let clock = |event: &Value| event["clock"].as_u64();
    let (online, offline) = (of(&mut client, "worker-online")?, of(&mut client, "worker-offline")?);
    ensure!(clock(&online[0]) < clock(&beat) && clock(&beat) < clock(&offline[0]));
    Ok(())
}

#[test]
fn events_are_turned_on_and_off_from_outside() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", OURS])?;
    client.call("probe:listen", json!([]))?;
    client.run("tasks.add", json!([1, 2]))?.success()?;
    client.call("probe:ask", json!(["control", "enable_events", OURS, {}]))?;
    let id = client.send("tasks.add", json!([1, 2]))?;
    let events = heard(&mut client, &id, "task-succeeded")?;
    ensure!(events.len() == 3 && events[2]["result"] == json!("3"), "{events:#?}");
    client.run("tasks.silent", json!([]))?.success()?;
    client.call("probe:ask", json!(["control", "disable_events", OURS, {}]))?;
    client.run("tasks.add", json!([1, 2]))?.success()?;
    client.call("probe:ask", json!(["control", "enable_events", OURS, {}]))?;
    let last = client.send("tasks.add", json!([1, 2]))?;
    heard(&mut client, &last, "task-succeeded")?;
    let received = client.call("probe:heard_of_type", json!(["task-received"]))?;
    ensure!(received.as_array().map(Vec::len) == Some(2), "{received:#}");
    Ok(())
}

#[test]
fn what_a_shutdown_cancels_is_told() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let worker = scene.worker(&["-n", OURS, "-E"])?;
    client.call("probe:listen", json!([]))?;
    let id = client.send("tasks.doze_async", json!([60]))?;
    wait::until_true("it to start", SOON, || Ok(scene.notes("started")?.len() == 1))?;
    worker.sigquit()?;
    heard(&mut client, &id, "task-cancelled")?;
    wait::until_true("the state RETRY, as upstream stores it", SOON, || Ok(client.state(&id)? == "RETRY"))
}

#[test]
fn a_retry_that_overtakes_what_it_retries_is_told_of_and_stored_after_it() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", OURS, "-E", "--sync-workers=2"])?;
    client.call("probe:listen", json!([]))?;
    let id = client.send("tasks.overtaken", json!([]))?;
    heard(&mut client, &id, "task-failed")?;
    let events = heard(&mut client, &id, "task-retried")?;
    let ends: Vec<&str> = events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .filter(|kind| ["task-retried", "task-failed"].contains(kind))
        .collect();
    ensure!(ends == ["task-retried", "task-failed"], "{events:#?}");
    ensure!(client.state(&id)? == "FAILURE");
    Ok(())
}

#[test]
fn celery_events_shows_it() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", OURS, "-E"])?;
    let mut dump = scene.celery(&["events", "--dump"])?;
    dump.wait_log("a heartbeat", SOON, |log| log.contains("heartbeat: active=0").then_some(()))?;
    let id = client.send("tasks.fail", json!([]))?;
    for what in ["received", "started", "failed"] {
        let line = format!("task {what}: tasks.fail({id})");
        dump.wait_log(&line, SOON, |log| log.contains(&line).then_some(()))?;
    }
    let screen = scene.celery_on_terminal(&["events"])?;
    wait::until_true("a task to be on the screen", SOON, || {
        // It shows what happens after it has begun to listen.
        client.run("tasks.fail", json!([]))?.failure()?;
        let log = screen.log()?;
        Ok(["ours@test", "tasks.fail", "FAILURE"].iter().all(|text| log.contains(text)))
    })
}
