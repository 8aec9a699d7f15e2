//! `inspect` and `control`: every method prints what upstream's command prints for the same worker.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::Front;
use serde_json::{Value, json};

use super::support::{json, keys, reply_queues, stock_json, worker};

const NODE: &str = "w1@here";

/// What changes from one moment to the next.
const CHANGING: [&str; 5] = ["clock", "uptime", "rusage", "writes", "time_start"];

/// What both commands print for `words`, without what changes.
fn both(scene: &Scene, client: &mut Client, words: &[&str]) -> Result<(Value, Value)> {
    let end = ["-j", "-t", "20", "-d", NODE];
    let all: Vec<&str> = words.iter().copied().chain(end).collect();
    let mut theirs = stock_json(client, &all)?;
    let mut ours = json(&scene.worker_cli(&all)?.good()?)?;
    steady(&mut theirs);
    steady(&mut ours);
    Ok((ours, theirs))
}

fn steady(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if CHANGING.contains(&name.as_str()) && !value.is_null() {
                    *value = json!("changes");
                } else {
                    steady(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(steady),
        _ => {}
    }
}

#[test]
fn inspect_a_stock_worker() -> Result<()> {
    inspect(Front::Stock)
}

#[test]
fn inspect_our_worker() -> Result<()> {
    inspect(Front::WorkerCli)
}

fn inspect(front: Front) -> Result<()> {
    let mut scene = Scene::open("operate")?;
    scene.set_env("SETTINGS", &json!({"worker_prefetch_multiplier": 1}).to_string());
    let mut client = scene.client()?;
    let _worker = worker(&scene, front, NODE, &["-c", "1"])?;
    let running = client.send("tasks.doze", json!([300]))?;
    wait::until_true("it to run", Duration::from_secs(20), || Ok(client.state(&running)? == "STARTED"))?;
    client.send_with("tasks.add", json!([1, 2]), json!({"countdown": 3600}))?;
    client.send("tasks.add", json!([3, 4]))?;
    scene.worker_cli(&["control", "revoke", "an-id"])?.good()?;
    wait::until_true("one to wait for its ETA", Duration::from_secs(20), || {
        let scheduled = scene.worker_cli(&["inspect", "scheduled", "-j"])?.json()?;
        Ok(scheduled[NODE].as_array().is_some_and(|tasks| tasks.len() == 1))
    })?;
    for words in [
        &["active"][..],
        &["active_queues"],
        &["clock"],
        &["conf"],
        &["conf", "true"],
        &["memdump"],
        &["memdump", "5"],
        &["objgraph", "Request", "20"],
        &["ping"],
        &["query_task", &running, "unknown"],
        &["registered"],
        &["registered", "max_retries", "serializer"],
        &["report"],
        &["reserved"],
        &["revoked"],
        &["scheduled"],
        &["stats"],
    ] {
        let words = [&["inspect"][..], words].concat();
        let (ours, theirs) = both(&scene, &mut client, &words)?;
        ensure!(ours == theirs && ours.get(NODE).is_some(), "{words:?}\nours: {ours}\ntheirs: {theirs}");
    }
    // What a worker uses changes from one question to the next.
    let (ours, theirs) = both(&scene, &mut client, &["inspect", "memsample"])?;
    for sample in [ours, theirs] {
        let size = sample[NODE].as_str().and_then(|text| text.strip_suffix("MB"));
        ensure!(size.is_some_and(|size| size.parse::<f64>().is_ok()), "{sample}");
    }
    let (ours, theirs) = both(&scene, &mut client, &["inspect", "active"])?;
    ensure!(ours == theirs && ours[NODE][0]["id"] == json!(running), "{ours}");
    let table = scene.worker_cli(&["inspect", "active"])?.good()?;
    let row = table.lines().nth(1).context("a row")?;
    ensure!(
        row.starts_with(&format!("{NODE}  tasks.doze  {running}  ")) && row.ends_with("[300]  {}"),
        "{table}"
    );
    ensure!(reply_queues(&scene)?.is_empty(), "queues of replies are left");
    Ok(())
}

#[test]
fn control_a_stock_worker() -> Result<()> {
    control(Front::Stock)
}

#[test]
fn control_our_worker() -> Result<()> {
    control(Front::WorkerCli)
}

fn control(front: Front) -> Result<()> {
    let mut scene = Scene::open("operate")?;
    scene.set_env("SETTINGS", &json!({"worker_pool_restarts": true}).to_string());
    let mut client = scene.client()?;
    let mut process = worker(&scene, front, NODE, &["-c", "2"])?;
    for words in [
        &["add_consumer", "more"][..],
        &["add_consumer", "most", "exchange", "topic", "key.#"],
        &["cancel_consumer", "more"],
        &["autoscale", "3", "1"],
        &["enable_events"],
        &["disable_events"],
        &["heartbeat"],
        &["pool_grow"],
        &["pool_grow", "2"],
        &["pool_shrink"],
        &["rate_limit", "tasks.add", "100/s"],
        &["rate_limit", "tasks.add", "often"],
        &["rate_limit", "unknown", "1/s"],
        &["revoke", "an-id"],
        &["revoke_by_stamped_headers", "tenant=a"],
        &["terminate", "KILL", "unknown"],
        &["time_limit", "tasks.add", "10", "20"],
        &["time_limit", "unknown", "10"],
    ] {
        let words = [&["control"][..], words].concat();
        let (ours, theirs) = both(&scene, &mut client, &words)?;
        // Events that are on are not turned on again: whoever asks first hears something else.
        let already = |value: &Value| value.to_string().replace("already ", "");
        ensure!(already(&ours) == already(&theirs), "{words:?}\nours: {ours}\ntheirs: {theirs}");
        ensure!(ours.as_array().is_some_and(|replies| replies.len() == 1), "{words:?}: {ours}");
    }
    let running = client.send("tasks.doze", json!([300]))?;
    wait::until_true("it to run", Duration::from_secs(20), || Ok(client.state(&running)? == "STARTED"))?;
    let said = scene.worker_cli(&["control", "terminate", "KILL", &running])?.good()?;
    ensure!(said.lines().nth(1) == Some(&*format!("{NODE}  OK      terminate: {running}")), "{said}");
    wait::until_true("it to be revoked", Duration::from_secs(20), || {
        Ok(client.state(&running)? == "REVOKED")
    })?;

    let said = scene.worker_cli(&["control", "shutdown"])?;
    // A stock worker does not answer, which upstream's command takes for nobody being there.
    let answered = match front {
        Front::Stock => said.out.is_empty() && said.err.contains("without an answer"),
        _ => said.out.ends_with(&format!("{NODE}  OK\n")) && said.err.is_empty(),
    };
    ensure!(said.code == 0 && answered, "{said:?}");
    ensure!(process.wait_exit(Duration::from_secs(20))? == 0);

    let _other = worker(&scene, front, NODE, &["-c", "1", "--without-gossip"])?;
    // Upstream's command has no way to give it arguments. A lone worker that gossips ends with an IndexError of it, and one
    // that does not answers with an AttributeError.
    let election = scene.worker_cli(&["control", "election", "id", "task", "-j"])?.json()?;
    ensure!(election[0].get(NODE).is_some(), "{election}");
    let (ours, theirs) = both(&scene, &mut client, &["control", "pool_restart"])?;
    let restarts = ours == json!([{NODE: {"ok": "reload started"}}]);
    ensure!(ours == theirs && restarts == (front == Front::Stock), "{ours} {theirs}");
    Ok(())
}

#[test]
fn commands_of_the_apps_own_pass_through() -> Result<()> {
    pass_through(Front::Stock)
}

#[test]
fn commands_of_the_apps_own_pass_through_to_our_worker() -> Result<()> {
    pass_through(Front::WorkerCli)
}

fn pass_through(front: Front) -> Result<()> {
    let scene = Scene::open("operate")?;
    let mut client = scene.client()?;
    let _worker = worker(&scene, front, NODE, &["-c", "1"])?;
    let theirs = stock_json(&mut client, &["inspect", "greet", "Ada", "-j"])?;
    let ours = scene.worker_cli(&["inspect", "greet", "name=Ada", "-j"])?.json()?;
    ensure!(ours == theirs, "{ours} {theirs}");
    let table = scene.worker_cli(&["inspect", "greet"])?.good()?;
    ensure!(table.contains("hello   you") && table.contains(&format!("from    {NODE}")), "{table}");
    let theirs = stock_json(&mut client, &["control", "count_up", "3", "-j"])?;
    ensure!(scene.worker_cli(&["control", "count_up", "n=3", "-j"])?.json()? == theirs, "{theirs}");

    let said = scene.worker_cli(&["inspect", "unknown"])?;
    ensure!(said.code == 0 && said.out.contains("ERROR   KeyError('unknown')"), "{said:?}");
    ensure!(
        said.err == "no worker knows unknown; `worker-cli inspect --list` shows what every worker knows\n",
        "{said:?}"
    );
    Ok(())
}

#[test]
fn nothing_is_left_behind() -> Result<()> {
    let scene = Scene::open("operate")?;
    let before = keys(&scene)?;
    for words in [
        &["status"][..],
        &["inspect", "ping"],
        &["control", "enable_events", "-d", "nobody@here", "-t", "0.1"],
    ] {
        scene.worker_cli(words)?;
    }
    let mut after = keys(&scene)?;
    // What has kombu sweep bindings of queues that went away.
    after.retain(|key| key != "_kombu.binding_deadlines");
    ensure!(before.is_empty() && after.is_empty(), "{after:?}");
    Ok(())
}
