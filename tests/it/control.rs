//! Remote control: what a stock client asks, and what it is answered.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::Front;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

/// The node names of the tests' workers.
const OURS: &str = "ours@test";
const STOCK: &str = "stock@test";

/// Asks one node.
fn ask(client: &mut Client, kind: &str, method: &str, node: &str, arguments: Value) -> Result<Value> {
    client.call("probe:ask", json!([kind, method, node, arguments]))
}

fn inspect(client: &mut Client, method: &str, node: &str) -> Result<Value> {
    ask(client, "inspect", method, node, json!({}))
}

fn control(client: &mut Client, method: &str, arguments: Value) -> Result<Value> {
    ask(client, "control", method, OURS, arguments)
}

/// Waits until both nodes answer.
fn both(scene: &Scene, client: &mut Client) -> Result<[celery_oxide_tests::worker::WorkerProcess; 2]> {
    let stock = scene.worker_spec().front(Front::Stock).args(&["-n", STOCK, "-c", "1", "-Q", "stock"]);
    let stock = stock.start()?;
    let ours = scene.worker(&["-n", OURS, "-Q", "ours", "--loop-concurrency=1", "--sync-workers=1"])?;
    wait::until_true("both nodes to answer", SOON, || {
        Ok(client.call("probe:nodes", json!([1.0]))? == json!([OURS, STOCK]))
    })?;
    Ok([ours, stock])
}

/// Types and keys, all the way down: lists by their first element.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), shape(value))).collect(),
        Value::Array(items) => items.first().map(shape).into_iter().collect(),
        Value::String(_) => json!("text"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("flag"),
        Value::Null => Value::Null,
    }
}

/// Takes what the documentation lists as different (docs/guides/monitoring.md).
fn without(mut value: Value, paths: &[&[&str]]) -> Value {
    for path in paths {
        if let Some((last, parents)) = path.split_last() {
            let mut at = Some(&mut value);
            for key in parents {
                at = at.and_then(|value| value.get_mut(*key));
            }
            if let Some(fields) = at.and_then(Value::as_object_mut) {
                fields.remove(*last);
            }
        }
    }
    value
}

/// One task that runs, one that waits for a slot, one that waits for its ETA.
fn occupy(scene: &Scene, client: &mut Client, queue: &str) -> Result<()> {
    for name in ["runs", "waits"] {
        client.send_with("tasks.doze", json!([60, format!("{queue}-{name}")]), json!({"queue": queue}))?;
        wait::until_true("the first to start", SOON, || {
            Ok(scene.notes("started")?.contains(&format!("{queue}-runs")))
        })?;
    }
    client.send_with("tasks.add", json!([1, 2]), json!({"queue": queue, "countdown": 50, "kwargs": {}}))?;
    Ok(())
}

#[test]
fn every_inspect_command_has_the_shape_of_a_stock_worker() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _workers = both(&scene, &mut client)?;
    for queue in ["ours", "stock"] {
        occupy(&scene, &mut client, queue)?;
    }
    for node in [OURS, STOCK] {
        ask(&mut client, "control", "revoke", node, json!({"task_id": "nobody"}))?;
        wait::until_true("all three to be known", SOON, || {
            let count = |value: Value| value.as_array().map_or(0, Vec::len);
            Ok(count(inspect(&mut client, "scheduled", node)?) == 1
                && count(inspect(&mut client, "reserved", node)?) == 1
                && count(inspect(&mut client, "active", node)?) == 1)
        })?;
    }
    let differences: [(&str, &[&[&str]]); 2] = [
        // What a stock worker itself writes into its app's configuration.
        ("conf", &[&["include"], &["worker_disable_prefetch"]]),
        (
            "stats",
            &[
                &["transport"],
                &["pool", "loops"],
                &["pool", "threads"],
                &["pool", "stuck"],
                &["pool", "waiting"],
                &["pool", "scheduled"],
                &["pool", "writes"],
                &["total"],
            ],
        ),
    ];
    for method in [
        "active",
        "active_queues",
        "clock",
        "conf",
        "ping",
        "registered",
        "report",
        "reserved",
        "revoked",
        "scheduled",
        "stats",
        "memsample",
        "memdump",
    ] {
        let paths = differences.iter().find(|(name, _)| *name == method).map_or(&[][..], |(_, paths)| *paths);
        let [ours, stock] = [OURS, STOCK].map(|node| inspect(&mut client, method, node));
        let (ours, stock) = (without(ours?, paths), without(stock?, paths));
        ensure!(
            shape(&ours) == shape(&stock),
            "{method} is answered\n{ours:#}\nand by a stock worker\n{stock:#}"
        );
    }
    // The values that say something of the task.
    let of =
        |value: Value| without(value[0].clone(), &[&["id"], &["hostname"], &["time_start"], &["worker_pid"]]);
    for method in ["active", "reserved"] {
        let [ours, stock] = [OURS, STOCK].map(|node| inspect(&mut client, method, node));
        let [ours, stock] = [ours?, stock?].map(|value| of(value).to_string().replace("stock", "ours"));
        ensure!(ours == stock, "{method} is answered\n{ours}\nand by a stock worker\n{stock}");
    }
    Ok(())
}

#[test]
fn a_task_is_found_by_its_id_wherever_it_is() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", OURS, "--loop-concurrency=1", "--sync-workers=1"])?;
    let send =
        |client: &mut Client, options: Value| client.send_with("tasks.doze_async", json!([60]), options);
    let active = send(&mut client, json!({}))?;
    wait::until_true("it to start", SOON, || Ok(scene.notes("started")?.len() == 1))?;
    let reserved = send(&mut client, json!({}))?;
    let scheduled = send(&mut client, json!({"countdown": 50}))?;
    let ids = json!({"ids": [active, reserved, scheduled, "unknown"]});
    let found = wait::until("all three to be known", SOON, || {
        let found = ask(&mut client, "inspect", "query_task", OURS, ids.clone())?;
        Ok((found.as_object().is_some_and(|found| found.len() == 3)).then_some(found))
    })?;
    for (id, state) in [(&active, "active"), (&reserved, "reserved"), (&scheduled, "scheduled")] {
        ensure!(found[id][0] == json!(state) && found[id][1]["id"] == json!(id), "{found:#}");
    }
    let safe = ask(&mut client, "inspect", "active", OURS, json!({"safe": true}))?;
    ensure!(safe[0]["args"] == json!("[60]") || safe[0]["args"] == json!("(60,)"), "{safe:#}");
    Ok(())
}

#[test]
fn every_control_command_is_answered_as_by_a_stock_worker() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _workers = both(&scene, &mut client)?;
    for (method, arguments) in [
        ("ping", json!({})),
        ("revoke", json!({"task_id": "one"})),
        ("revoke", json!({"task_id": ["two"]})),
        ("revoke", json!({"task_id": "three", "terminate": true, "signal": "KILL"})),
        ("terminate", json!({"task_id": "four", "signal": "TERM"})),
        ("revoke_by_stamped_headers", json!({"headers": {"shop": ["a", "b"]}})),
        ("revoke_by_stamped_headers", json!({"headers": {"shop": "c"}, "terminate": true})),
        ("rate_limit", json!({"task_name": "tasks.add", "rate_limit": "10/m"})),
        ("rate_limit", json!({"task_name": "tasks.add", "rate_limit": 0})),
        ("rate_limit", json!({"task_name": "tasks.nobody", "rate_limit": "1/s"})),
        ("time_limit", json!({"task_name": "tasks.add", "soft": 5, "hard": 10})),
        ("time_limit", json!({"task_name": "tasks.nobody", "soft": 5})),
        ("enable_events", json!({})),
        ("enable_events", json!({})),
        ("disable_events", json!({})),
        ("disable_events", json!({})),
        ("pool_grow", json!({"n": 1})),
        ("pool_shrink", json!({"n": 1})),
        ("autoscale", json!({"max": 3, "min": 1})),
        ("add_consumer", json!({"queue": "extra"})),
        ("cancel_consumer", json!({"queue": "extra"})),
        ("heartbeat", json!({})),
        ("greet", json!({"n": 3})),
        ("no_such_command", json!({})),
        ("enable_events", json!({"more": 1})),
    ] {
        let answer = |client: &mut Client, node: &str| {
            let value = ask(client, "control", method, node, arguments.clone())?;
            Ok::<_, anyhow::Error>(value.to_string().replace(node, "NODE"))
        };
        let (ours, stock) = (answer(&mut client, OURS)?, answer(&mut client, STOCK)?);
        if arguments.get("more").is_some() {
            // The words are Python's there.
            ensure!(ours.contains("TypeError") && stock.contains("TypeError"), "{ours}\n{stock}");
        } else {
            ensure!(
                ours == stock,
                "{method} {arguments} is answered\n{ours}\nand by a stock worker\n{stock}"
            );
        }
    }
    // An election ends the stock worker of Celery 5.7, which counts the votes of two workers that vote alone.
    ensure!(control(&mut client, "election", json!({"id": "e", "topic": "task"}))?.is_null());
    let restart = control(&mut client, "pool_restart", json!({}))?;
    ensure!(restart["error"].as_str().is_some_and(|text| text.contains("restart the worker")), "{restart}");
    let invalid = control(&mut client, "rate_limit", json!({"task_name": "tasks.add", "rate_limit": "x"}))?;
    ensure!(
        invalid["error"].as_str().is_some_and(|text| text.starts_with("Invalid rate limit")),
        "{invalid}"
    );
    let broken = inspect(&mut client, "broken", OURS)?;
    ensure!(broken == json!({"error": "LookupError('on purpose')"}), "{broken}");
    Ok(())
}

#[test]
fn a_command_reaches_those_it_is_for() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _ours = scene.worker(&["-n", OURS])?;
    let _other = scene.worker(&["-n", "other@test"])?;
    let mut matching =
        |pattern: &str, matcher: &str| client.call("probe:matching", json!([pattern, matcher]));
    ensure!(matching("our*", "glob")? == json!([OURS]));
    ensure!(matching("o[a-z]+@te", "pcre")? == json!(["other@test", OURS]));
    ensure!(matching("nobody", "glob")? == json!([]));
    Ok(())
}

#[test]
fn a_command_is_carried_out_however_late_it_comes() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let worker = scene.worker(&["-n", OURS, "-Q", "celery"])?;
    // As from a client that was slow to connect, or whose clock is behind.
    client.call("probe:tell", json!(["add_consumer", {"queue": "extra"}, [OURS], -60.0]))?;
    worker.wait_log("Started consuming from extra", SOON)
}

#[test]
fn rates_and_limits_change_while_the_worker_runs() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", OURS])?;
    let limit = json!({"task_name": "tasks.stamp", "rate_limit": "5/s"});
    control(&mut client, "rate_limit", limit)?;
    let registered =
        ask(&mut client, "inspect", "registered", OURS, json!({"taskinfoitems": ["rate_limit"]}))?;
    ensure!(registered.to_string().contains("tasks.stamp [rate_limit=5/s]"), "{registered}");
    let ids = (0..4).map(|_| client.send("tasks.stamp", json!([]))).collect::<Result<Vec<_>>>()?;
    let stamps = ids
        .iter()
        .map(|id| client.get(id, 20.0)?.success()?.as_f64().context("a time"))
        .collect::<Result<Vec<_>>>()?;
    let span = stamps.iter().fold(0.0_f64, |span, stamp| span.max(stamp - stamps[0]));
    ensure!(span > 0.55, "four at five a second took {span} s");
    // What waits for its turn goes on when the limit is lifted.
    control(&mut client, "rate_limit", json!({"task_name": "tasks.stamp", "rate_limit": "1/h"}))?;
    let ids = (0..3).map(|_| client.send("tasks.stamp", json!([]))).collect::<Result<Vec<_>>>()?;
    client.get(&ids[0], 20.0)?.success()?;
    ensure!(client.state(&ids[2])? == "PENDING");
    control(&mut client, "rate_limit", json!({"task_name": "tasks.stamp", "rate_limit": null}))?;
    client.get(&ids[2], 20.0)?.success()?;

    control(&mut client, "time_limit", json!({"task_name": "tasks.doze_async", "soft": null, "hard": 0.3}))?;
    let failure = client.run("tasks.doze_async", json!([30]))?.failure()?;
    ensure!(failure.kind == "TimeLimitExceeded", "{failure:?}");
    Ok(())
}

#[test]
fn queues_are_added_and_cancelled() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", OURS, "-Q", "celery"])?;
    let waiting = client.send_with("tasks.add", json!([1, 2]), json!({"queue": "extra"}))?;
    control(&mut client, "add_consumer", json!({"queue": "extra"}))?;
    ensure!(client.get(&waiting, 20.0)?.success()? == json!(3));
    // One that the app has configured is consumed as it is configured.
    control(&mut client, "add_consumer", json!({"queue": "video"}))?;
    let queues = inspect(&mut client, "active_queues", OURS)?;
    ensure!(queues[2]["routing_key"] == json!("video.#"), "{queues:#}");
    control(&mut client, "cancel_consumer", json!({"queue": "extra"}))?;
    control(&mut client, "cancel_consumer", json!({"queue": "celery"}))?;
    let stays = client.send_with("tasks.add", json!([1, 2]), json!({"queue": "extra"}))?;
    let runs = client.send_with("tasks.add", json!([3, 4]), json!({"queue": "video"}))?;
    ensure!(client.get(&runs, 20.0)?.success()? == json!(7));
    ensure!(client.state(&stays)? == "PENDING" && scene.queued("extra")? == 1);
    control(&mut client, "add_consumer", json!({"queue": "extra"}))?;
    ensure!(client.get(&stays, 20.0)?.success()? == json!(3));
    Ok(())
}

#[test]
fn pools_grow_and_shrink() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", OURS, "--loop-concurrency=1", "--sync-workers=1"])?;
    let started = |scene: &Scene| scene.notes("started");
    for n in 0..3 {
        client.send("tasks.doze", json!([60, format!("sync-{n}")]))?;
        client.send("tasks.doze_async", json!([60, format!("async-{n}")]))?;
    }
    wait::until_true("one of each to start", SOON, || Ok(started(&scene)?.len() == 2))?;
    control(&mut client, "pool_grow", json!({"n": 1}))?;
    wait::until_true("two of each to run", SOON, || Ok(started(&scene)?.len() == 4))?;
    let stats = inspect(&mut client, "stats", OURS)?;
    ensure!(stats["pool"]["max-concurrency"] == json!(4), "{stats:#}");
    control(&mut client, "pool_shrink", json!({"n": 1}))?;
    let active = inspect(&mut client, "active", OURS)?;
    ensure!(active.as_array().map(Vec::len) == Some(4), "what runs goes on: {active:#}");
    let ids: Vec<&Value> = active.as_array().into_iter().flatten().map(|task| &task["id"]).collect();
    control(&mut client, "revoke", json!({"task_id": ids, "terminate": true}))?;
    wait::until_true("the last two to start", SOON, || Ok(started(&scene)?.len() == 6))?;
    let stats = inspect(&mut client, "stats", OURS)?;
    ensure!(stats["pool"]["max-concurrency"] == json!(2), "{stats:#}");
    Ok(())
}

#[test]
fn shutdown_is_warm() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let mut worker = scene.worker(&["-n", OURS])?;
    let id = client.send("tasks.doze_async", json!([1]))?;
    wait::until_true("it to start", SOON, || Ok(scene.notes("started")?.len() == 1))?;
    client.call("probe:tell", json!(["shutdown", {}, [OURS]]))?;
    ensure!(worker.wait_exit(SOON)? == 0);
    ensure!(worker.log()?.contains("Got shutdown from remote"));
    client.get(&id, 20.0)?.success()?;
    Ok(())
}

#[test]
fn an_answer_comes_from_a_worker_that_is_shutting_down_and_whose_loops_are_blocked() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let worker = scene.worker(&["-n", OURS])?;
    client.send("tasks.doze", json!([5, "runs"]))?;
    wait::until_true("it to start", SOON, || Ok(scene.notes("started")?.len() == 1))?;
    worker.sigterm()?;
    worker.wait_log("Warm shutdown", SOON)?;
    ensure!(inspect(&mut client, "ping", OURS)? == json!({"ok": "pong"}));
    let active = inspect(&mut client, "active", OURS)?;
    ensure!(active.as_array().map(Vec::len) == Some(1), "{active:#}");
    Ok(())
}

#[test]
fn without_remote_control_nobody_answers() -> Result<()> {
    let mut scene = Scene::open("control")?;
    scene.set_env("SETTINGS", r#"{"worker_enable_remote_control": false}"#);
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", OURS])?;
    client.run("tasks.add", json!([1, 2]))?.success()?;
    ensure!(client.call("probe:nodes", json!([1.0]))? == json!([]));
    Ok(())
}
