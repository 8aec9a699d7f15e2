//! What a stock client reads of results: states, values, exceptions, expiry.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use serde_json::{Value, json};

#[test]
fn values_of_all_json_kinds_come_back() -> Result<()> {
    let scene = Scene::open("results")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let values = [
        json!(null),
        json!(true),
        json!(-7),
        json!(1.5),
        json!(123_456_789_012_345_678_u64),
        json!("Grüße \u{1F980} \"quoted\" \\ \n"),
        json!([1, [2, [3]]]),
        json!({"a": {"b": [null, false]}, "": 0}),
    ];
    for task in ["tasks.give", "tasks.give_async"] {
        for value in &values {
            let got = client.run(task, json!([value]))?.success()?;
            ensure!(got == *value, "{task} gave {got} for {value}");
        }
    }
    let id = client.send("tasks.bytes_and_dates", json!([]))?;
    let typed = client.call("checks:typed_values", json!([id]))?;
    let wanted = json!({"bytes": true, "date": true, "decimal": true, "uuid": true, "text": true});
    ensure!(typed == wanted, "{typed}");
    Ok(())
}

#[test]
fn the_stored_meta_has_upstreams_fields() -> Result<()> {
    let scene = Scene::open("results")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    for task in ["tasks.give", "tasks.give_async"] {
        let id = client.send(task, json!([5]))?;
        client.get(&id, 10.0)?.success()?;
        let meta = client.meta(&id)?;
        let mut fields: Vec<&str> =
            meta.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        fields.sort_unstable();
        let wanted = ["children", "date_done", "result", "status", "task_id", "traceback"];
        ensure!(fields == wanted, "{task} stored {meta}");
        ensure!(meta["children"] == json!([]) && meta["traceback"].is_null(), "{meta}");
        let done = client.call("checks:date_done", json!([id]))?;
        ensure!(done.as_str().is_some_and(|done| done.ends_with("+00:00")), "date_done is {done}");
    }
    Ok(())
}

#[test]
fn get_raises_the_exception_of_the_task() -> Result<()> {
    let scene = Scene::open("results")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    for task in ["tasks.refuse", "tasks.refuse_async"] {
        let id = client.send(task, json!([]))?;
        let outcome = client.get(&id, 10.0)?;
        let traceback = outcome.traceback.clone().unwrap_or_default();
        ensure!(traceback.starts_with("Traceback (most recent call last):"), "{traceback}");
        let function = task.trim_start_matches("tasks.");
        ensure!(traceback.contains("tasks.py") && traceback.contains(function), "{traceback}");
        ensure!(traceback.trim_end().ends_with("Refused: ('too late', 410)"), "{traceback}");
        ensure!(
            !traceback.contains("celery_oxide"),
            "frames of the worker are in the traceback: {traceback}"
        );
        let error = outcome.failure()?;
        ensure!(error.kind == "Refused" && error.module == "tasks", "{error:?}");
        ensure!(error.args == json!(["too late", 410]), "{error:?}");
        let attributes = client.call("checks:raises_own_class", json!([id]))?;
        ensure!(attributes == json!({"reason": "too late", "code": 410}), "{attributes}");
        let stored = client.meta(&id)?;
        let wanted = json!({"exc_type": "Refused", "exc_message": ["too late", 410], "exc_module": "tasks"});
        ensure!(stored["result"] == wanted, "{stored}");
    }
    let error = client.run("tasks.key_error", json!([]))?.failure()?;
    ensure!(
        error.kind == "KeyError" && error.module == "builtins" && error.args == json!(["missing"]),
        "{error:?}"
    );
    Ok(())
}

#[test]
fn odd_exceptions_and_values_are_failures_and_the_worker_goes_on() -> Result<()> {
    let scene = Scene::open("results")?;
    let mut client = scene.client()?;
    let mut worker = scene.worker(&[])?;
    let error = client.run("tasks.odd_arguments", json!([]))?.failure()?;
    ensure!(error.kind == "ValueError", "{error:?}");
    let error = client.run("tasks.not_serializable", json!([]))?.failure()?;
    ensure!(error.kind == "EncodeError", "{error:?}");
    let error = client.run("tasks.takes_two", json!([1]))?.failure()?;
    ensure!(error.kind == "TypeError" && error.text.contains("'y'"), "{error:?}");
    let outcome = client.run("tasks.system_exit", json!([]))?;
    ensure!(outcome.state == "FAILURE", "{outcome:?}");
    ensure!(worker.is_running()?, "a task's SystemExit ended the worker");
    ensure!(client.run("tasks.give_async", json!([1]))?.success()? == json!(1));
    Ok(())
}

#[test]
fn ignored_results_are_not_stored() -> Result<()> {
    let scene = Scene::open("results")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let mut ids = Vec::new();
    for task in ["tasks.ignored_sync", "tasks.ignored_async", "tasks.raises_ignore", "tasks.raises_reject"] {
        ids.push(client.send(task, json!([task]))?);
        wait::until_true("the task to run", Duration::from_secs(10), || Ok(!scene.notes(task)?.is_empty()))?;
    }
    let per_message = client.send_with("tasks.give_async", json!([1]), json!({"ignore_result": true}))?;
    client.run("tasks.give", json!([1]))?.success()?;
    wait::until_true("all to be acknowledged", Duration::from_secs(5), || Ok(scene.unacked()? == 0))?;
    for id in ids[..3].iter().chain([&per_message]) {
        let meta = client.meta(id)?;
        ensure!(meta.is_null(), "a result was stored: {meta}");
    }
    Ok(())
}

#[test]
fn started_is_stored_when_asked_for() -> Result<()> {
    let mut scene = Scene::open("results")?;
    scene.set_env("TRACK_STARTED", "1");
    let mut client = scene.client()?;
    let worker = scene.worker(&["-n", "tracked@here"])?;
    let id = client.send("tasks.hold", json!(["held", 1.5]))?;
    wait::until_true("the state STARTED", Duration::from_secs(10), || Ok(client.state(&id)? == "STARTED"))?;
    let meta = client.meta(&id)?;
    ensure!(meta["result"] == json!({"pid": worker.pid(), "hostname": "tracked@here"}), "{meta}");
    ensure!(meta["date_done"].is_null(), "{meta}");
    ensure!(client.get(&id, 10.0)?.success()? == json!("held"));
    Ok(())
}

#[test]
fn extended_results_name_task_arguments_and_worker() -> Result<()> {
    let mut scene = Scene::open("results")?;
    scene.set_env("RESULT_EXTENDED", "1");
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", "extended@here"])?;
    for task in ["tasks.give", "tasks.give_async"] {
        let id = client.send_with(task, json!([]), json!({"kwargs": {"value": 3}}))?;
        client.get(&id, 10.0)?.success()?;
        let meta = client.meta(&id)?;
        ensure!(meta["name"] == json!(task), "{meta}");
        ensure!(meta["args"] == json!([]) && meta["kwargs"] == json!({"value": 3}), "{meta}");
        ensure!(meta["worker"] == "extended@here" && meta["queue"] == "celery", "{meta}");
        ensure!(meta["retries"] == 0, "{meta}");
    }
    Ok(())
}

#[test]
fn results_expire() -> Result<()> {
    let mut scene = Scene::open("results")?;
    scene.set_env("RESULT_EXPIRES", "300");
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let mut results = scene.redis.connect(1)?;
    for task in ["tasks.give", "tasks.give_async", "tasks.refuse_async"] {
        let args = if task.contains("refuse") { json!([]) } else { json!([1]) };
        let id = client.send(task, args)?;
        client.get(&id, 10.0)?;
        let key = client.call("checks:key_of", json!([id]))?;
        let left: i64 = redis::cmd("TTL").arg(key.as_str()).query(&mut results)?;
        ensure!((290..=300).contains(&left), "the result of {task} expires in {left} s");
    }
    Ok(())
}

#[test]
fn a_waiting_reader_is_woken_by_publish() -> Result<()> {
    let scene = Scene::open("results")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let id = client.send("tasks.hold", json!(["published", 0.3]))?;
    let key = client.call("checks:key_of", json!([id]))?;
    let mut connection = scene.redis.connect(1)?;
    connection.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut channel = connection.as_pubsub();
    channel.subscribe(key.as_str().unwrap_or_default())?;
    let payload: String = channel.get_message()?.get_payload()?;
    let published: Value = serde_json::from_str(&payload)?;
    ensure!(published["status"] == "SUCCESS" && published["result"] == "published", "{published}");
    ensure!(published["task_id"] == json!(id), "{published}");
    Ok(())
}

#[test]
fn a_stored_success_is_never_overwritten() -> Result<()> {
    let scene = Scene::open("results")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let id = client.send("tasks.give", json!(["first"]))?;
    client.get(&id, 10.0)?.success()?;
    let before = client.meta(&id)?;
    // The same id again, as after a redelivery: once it fails, once it succeeds with another value.
    for (task, args) in [("tasks.refuse_async", json!([])), ("tasks.give_async", json!(["second"]))] {
        client.send_with(task, args, json!({"task_id": id}))?;
    }
    client.run("tasks.give_async", json!([1]))?.success()?;
    wait::until_true("all to be acknowledged", Duration::from_secs(5), || {
        Ok(scene.unacked()? == 0 && scene.queued("celery")? == 0)
    })?;
    let after = client.meta(&id)?;
    ensure!(before == after, "it was {before} and is {after}");
    Ok(())
}

#[test]
fn states_of_the_tasks_own_are_seen() -> Result<()> {
    let scene = Scene::open("results")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let id = client.send("tasks.progress", json!(["half"]))?;
    wait::until_true("the task to be half done", Duration::from_secs(10), || {
        Ok(!scene.notes("half")?.is_empty())
    })?;
    ensure!(client.meta(&id)?["status"] == "PROGRESS");
    ensure!(client.meta(&id)?["result"] == json!({"done": 1}));
    ensure!(client.get(&id, 10.0)?.success()? == json!("all"));
    Ok(())
}
