//! Flower, unmodified: what it shows of our worker, and what its buttons do to it.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::flower::Flower;
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);
const OURS: &str = "ours@test";

/// What a stock client is answered.
fn inspect(client: &mut Client, method: &str) -> Result<Value> {
    client.call("probe:ask", json!(["inspect", method, OURS, {}]))
}

/// Has Flower do something to the worker, which says `done` in the answer.
fn steer(flower: &Flower, path: &str, form: &[(&str, &str)], done: &str) -> Result<()> {
    let answer = flower.post(path, form)?;
    ensure!(answer.status == 200 && answer.text.contains(done), "{path} is answered {answer:?}");
    Ok(())
}

#[test]
fn it_shows_what_becomes_of_tasks() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    // Without -E: Flower turns the events on.
    let worker = scene.worker(&["-n", OURS, "-Q", "celery", "--loop-concurrency=4", "--sync-workers=4"])?;
    let flower = scene.flower()?;
    flower.wait_for(OURS)?;
    worker.wait_log("enabled by remote", SOON)?;
    let mut ids = Vec::new();
    for (task, args, options, state) in [
        ("tasks.add", json!([1, 2]), json!({}), "SUCCESS"),
        ("tasks.add_async", json!([1, 2]), json!({}), "SUCCESS"),
        ("tasks.fail", json!([]), json!({}), "FAILURE"),
        ("tasks.overlong", json!([]), json!({}), "FAILURE"),
        ("tasks.reject_late", json!([]), json!({}), "FAILURE"),
        ("tasks.again", json!([]), json!({}), "SUCCESS"),
        ("tasks.again", json!(["elsewhere"]), json!({}), "RETRY"),
        // As with a stock worker, nothing is told of it any more.
        ("tasks.ignore", json!([]), json!({}), "STARTED"),
        ("tasks.doze", json!([60]), json!({}), "STARTED"),
        ("tasks.doze_async", json!([60]), json!({}), "STARTED"),
        ("tasks.add", json!([1, 2]), json!({"countdown": 50}), "RECEIVED"),
        // The broker keeps this one.
        ("tasks.add", json!([1, 2]), json!({"countdown": 4000}), "RECEIVED"),
        ("tasks.add", json!([1, 2]), json!({"countdown": -20, "expires": -10}), "REVOKED"),
    ] {
        ids.push((task, client.send_with(task, args, options)?, state));
    }
    let shown = ids.iter().map(|(_, id, state)| flower.wait_task(id, state)).collect::<Result<Vec<_>>>()?;
    for (task, (name, _, state)) in shown.iter().zip(&ids) {
        ensure!(task["worker"] == OURS, "{task:#}");
        // Nothing but `task-revoked` is told of what has expired.
        ensure!(task["name"] == *name || *state == "REVOKED", "{task:#}");
    }
    let [add, add_async, fail, overlong, rejected, again, retries, .., scheduled, parked, _] = &shown[..]
    else {
        unreachable!("all are shown");
    };
    for sum in [add, add_async] {
        ensure!(
            sum["result"] == "3" && sum["runtime"].as_f64().is_some_and(|seconds| seconds > 0.0),
            "{sum:#}"
        );
        ensure!(sum["args"].as_str().is_some_and(|args| args.contains("1, 2")), "{sum:#}");
    }
    ensure!(fail["exception"] == "ValueError('on purpose')", "{fail:#}");
    ensure!(fail["traceback"].as_str().is_some_and(|text| text.contains("in fail")), "{fail:#}");
    ensure!(overlong["exception"] == "TimeLimitExceeded(0.4)", "{overlong:#}");
    ensure!(rejected["rejected"].is_f64(), "{rejected:#}");
    for task in [again, retries] {
        ensure!(task["retried"].is_f64() && task["exception"] == "KeyError('k')", "{task:#}");
    }
    ensure!(again["retries"] == 1, "{again:#}");
    ensure!(scheduled["eta"].is_string() && parked["eta"].is_string(), "{scheduled:#} {parked:#}");

    let counted = flower.get("/metrics")?.text;
    let succeeded =
        format!("flower_events_total{{task=\"tasks.add\",type=\"task-succeeded\",worker=\"{OURS}\"}} 1.0");
    let runtimes =
        format!("flower_task_runtime_seconds_count{{task=\"tasks.add_async\",worker=\"{OURS}\"}} 1.0");
    let online = format!("flower_worker_online{{worker=\"{OURS}\"}} 1.0");
    ensure!([succeeded, runtimes, online].iter().all(|line| counted.contains(line)), "{counted}");
    Ok(())
}

#[test]
fn its_pages_open() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", OURS, "-E", "--loop-concurrency=4", "--sync-workers=4"])?;
    let flower = scene.flower()?;
    flower.wait_for(OURS)?;
    let runs = client.send("tasks.doze_async", json!([60, "runs"]))?;
    let scheduled = client.send_with("tasks.add", json!([1, 2]), json!({"countdown": 50}))?;
    let parked = client.send_with("tasks.add", json!([3, 4]), json!({"countdown": 4000}))?;
    client.call("probe:ask", json!(["control", "revoke", OURS, {"task_id": "nobody"}]))?;
    for (id, state) in [(&runs, "STARTED"), (&scheduled, "RECEIVED"), (&parked, "RECEIVED")] {
        flower.wait_task(id, state)?;
    }
    flower.wait_for(OURS)?;
    let worker = format!("/worker/{OURS}");
    // The worker's page has a tab for the pool, the broker, the queues, the tasks, the limits, the configuration and more.
    let in_tabs = [
        "WorkerPools",
        "Prefetch Count",
        "virtual host",
        "video.#",
        &runs,
        &scheduled,
        &parked,
        "nobody",
        "tasks.stubborn",
        "broker_connection_retry_on_startup",
        "maxrss",
        "uptime",
        "lease_timeout",
    ];
    for (page, texts) in [
        ("/workers", &[OURS][..]),
        (&*worker, &in_tabs[..]),
        ("/tasks", &["Task history"][..]),
        (&*format!("/task/{runs}"), &["task-terminate", "STARTED", OURS][..]),
        (&*format!("/task/{scheduled}"), &["task-revoke", "RECEIVED"][..]),
        ("/broker", &["celery"][..]),
    ] {
        let answer = flower.get(page)?;
        let missing = texts.iter().find(|text| !answer.text.to_lowercase().contains(&text.to_lowercase()));
        ensure!(
            answer.status == 200 && missing.is_none(),
            "{page} has the status {}, lacks {missing:?}",
            answer.status
        );
    }
    Ok(())
}

#[test]
fn its_buttons_steer_the_worker() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let options = ["-n", OURS, "-E", "-Q", "celery", "--loop-concurrency=1", "--sync-workers=1"];
    let mut worker = scene.worker(&options)?;
    let flower = scene.flower()?;
    flower.wait_for(OURS)?;

    let waits = client.send_with("tasks.add", json!([1, 2]), json!({"countdown": 50}))?;
    let runs = client.send("tasks.doze_async", json!([60, "terminated"]))?;
    flower.wait_task(&waits, "RECEIVED")?;
    flower.wait_task(&runs, "STARTED")?;
    steer(&flower, &format!("/api/task/revoke/{waits}"), &[("terminate", "false")], "Revoked")?;
    steer(&flower, &format!("/api/task/revoke/{runs}"), &[("terminate", "true")], "Revoked")?;
    for id in [&waits, &runs] {
        ensure!(client.get(id, 20.0)?.state == "REVOKED");
        flower.wait_task(id, "REVOKED")?;
    }
    wait::until_true("it to be cancelled", SOON, || {
        Ok(scene.notes("raised")? == ["terminated CancelledError"])
    })?;

    let of_task = |parameter, value| [("workername", OURS), (parameter, value)];
    steer(&flower, "/api/task/rate-limit/tasks.stamp", &of_task("ratelimit", "1/h"), "new rate limit")?;
    let registered = inspect(&mut client, "registered")?;
    ensure!(registered.to_string().contains("tasks.stamp [rate_limit=1/h]"), "{registered}");
    let first = client.send("tasks.stamp", json!([]))?;
    client.get(&first, 20.0)?.success()?;
    let second = client.send("tasks.stamp", json!([]))?;
    wait::until_true("the rate limit to hold it", SOON, || {
        Ok(inspect(&mut client, "reserved")?.to_string().contains(&second))
    })?;
    // What the page posts: a number a second, 0 is none.
    steer(&flower, "/api/task/rate-limit/tasks.stamp", &of_task("ratelimit", "0"), "disabled")?;
    client.get(&second, 20.0)?.success()?;

    for (which, error) in [("soft", "SoftTimeLimitExceeded"), ("hard", "TimeLimitExceeded")] {
        steer(&flower, "/api/task/timeout/tasks.doze_async", &of_task(which, "0.3"), "time limits set")?;
        let failure = client.run("tasks.doze_async", json!([30, which]))?.failure()?;
        ensure!(failure.kind == error, "{failure:?}");
    }

    for name in ["one", "two", "three"] {
        client.send("tasks.doze", json!([60, name]))?;
    }
    let count = |scene: &Scene| -> Result<usize> {
        Ok(scene
            .notes("started")?
            .iter()
            .filter(|name| ["one", "two", "three"].contains(&name.as_str()))
            .count())
    };
    wait::until_true("one of them to start", SOON, || Ok(count(&scene)? == 1))?;
    steer(&flower, &format!("/api/worker/pool/grow/{OURS}"), &[("n", "2")], "Growing")?;
    wait::until_true("all of them to start", SOON, || Ok(count(&scene)? == 3))?;
    let stats = inspect(&mut client, "stats")?;
    ensure!(stats["pool"]["max-concurrency"] == 6, "{stats:#}");
    steer(&flower, &format!("/api/worker/pool/shrink/{OURS}"), &[("n", "1")], "Shrinking")?;
    let active = inspect(&mut client, "active")?;
    let ids: Vec<&Value> = active.as_array().into_iter().flatten().map(|task| &task["id"]).collect();
    ensure!(ids.len() == 3, "what runs goes on: {active:#}");
    client.call("probe:ask", json!(["control", "revoke", OURS, {"task_id": ids, "terminate": true}]))?;
    wait::until_true("the pools to be smaller", SOON, || {
        Ok(inspect(&mut client, "stats")?["pool"]["max-concurrency"] == 4)
    })?;

    let queue = [("queue", "extra")];
    let waiting = client.send_with("tasks.add", json!([1, 2]), json!({"queue": "extra"}))?;
    steer(&flower, &format!("/api/worker/queue/add-consumer/{OURS}"), &queue, "add consumer extra")?;
    ensure!(client.get(&waiting, 20.0)?.success()? == json!(3));
    steer(&flower, &format!("/api/worker/queue/cancel-consumer/{OURS}"), &queue, "no longer consuming")?;
    let stays = client.send_with("tasks.add", json!([1, 2]), json!({"queue": "extra"}))?;
    client.run("tasks.add", json!([3, 4]))?.success()?;
    ensure!(client.state(&stays)? == "PENDING" && scene.queued("extra")? == 1);

    // What this worker does not do is refused in words that Flower shows.
    for (path, form, said) in [
        ("restart", &[][..], "restart the worker"),
        ("autoscale", &[("min", "1"), ("max", "3")][..], "Autoscale not enabled"),
    ] {
        let answer = flower.post(&format!("/api/worker/pool/{path}/{OURS}"), form)?;
        ensure!(answer.status == 403 && answer.text.contains(said), "{path} is answered {answer:?}");
    }

    steer(&flower, &format!("/api/worker/shutdown/{OURS}"), &[], "Shutting down")?;
    ensure!(worker.wait_exit(SOON)? == 0);
    wait::until_true("Flower to see it gone", SOON, || Ok(flower.is_alive(OURS)? == Some(false)))
}
