//! Bad input gives one clear line and the right exit code; where it can, the worker goes on and nothing is lost.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::redis::free_port;
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::{Front, WorkerProcess, WorkerSpec};
use serde_json::json;

/// The exit code of a wrong command line, as upstream's.
const USAGE: i32 = 2;

/// A start that must fail: its output has no traceback, and names `word`.
fn refused(spec: &WorkerSpec, word: &str) -> Result<(i32, String)> {
    let (code, output) = spec.run(Duration::from_secs(30))?;
    ensure!(code != 0, "exit code 0:\n{output}");
    ensure!(!output.contains("Traceback"), "a traceback instead of a clear line:\n{output}");
    ensure!(!output.contains("panicked at"), "a panic instead of a clear line:\n{output}");
    ensure!(output.lines().any(|line| line.contains(word)), "no line names {word:?}:\n{output}");
    Ok((code, output))
}

#[test]
fn missing_app() -> Result<()> {
    let scene = Scene::open("basic")?;
    for front in [Front::WorkerCli, Front::Celery] {
        let (code, _) = refused(&scene.worker_spec().front(front).app(Some("nowhere")), "nowhere")?;
        ensure!(code == USAGE, "{front:?}: exit code {code}");
        let (code, _) = refused(&scene.worker_spec().front(front).app(Some("tasks:nothing")), "nothing")?;
        ensure!(code == USAGE, "{front:?}: exit code {code}");
    }
    Ok(())
}

#[test]
fn no_app_at_all() -> Result<()> {
    let scene = Scene::open("basic")?;
    let (code, _) = refused(&scene.worker_spec().app(None), "-A")?;
    ensure!(code == USAGE, "exit code {code}");
    Ok(())
}

#[test]
fn unknown_option() -> Result<()> {
    let scene = Scene::open("basic")?;
    for front in [Front::WorkerCli, Front::Celery] {
        let spec = scene.worker_spec().front(front).args(&["--no-such-option"]);
        let (code, _) = refused(&spec, "--no-such-option")?;
        ensure!(code == USAGE, "{front:?}: exit code {code}");
    }
    Ok(())
}

#[test]
fn wrong_value_of_an_option() -> Result<()> {
    let scene = Scene::open("basic")?;
    for option in ["--loop-concurrency=many", "--loop-workers=0", "--sync-workers=-1"] {
        for front in [Front::WorkerCli, Front::Celery] {
            let name = option.split('=').next().unwrap_or_default();
            let (code, _) = refused(&scene.worker_spec().front(front).args(&[option]), name)?;
            ensure!(code == USAGE, "{front:?} {option}: exit code {code}");
        }
    }
    Ok(())
}

#[test]
fn wrong_url() -> Result<()> {
    let scene = Scene::open("basic")?;
    for url in ["redis://user:s3cret@127.0.0.1:notaport/0", "nothing://user:s3cret@127.0.0.1/0", "not a url"]
    {
        let word = if url.starts_with("nothing") { "nothing" } else { "" };
        let (_, output) = refused(&scene.worker_spec().global(&["-b", url]), word)?;
        ensure!(!output.contains("s3cret"), "the password is shown:\n{output}");
        ensure!(
            output.lines().any(|line| line.to_lowercase().contains("broker")),
            "no line on the broker:\n{output}"
        );
    }
    Ok(())
}

#[test]
fn no_broker_is_waited_for() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let mut server = celery_oxide_tests::redis::RedisServer::start()?;
    let url = server.url(0);
    server.stop()?;
    let spec = scene.worker_spec().env("BROKER_URL", &url);
    let mut worker = spec.spawn()?;
    worker.wait_log("Cannot connect to", Duration::from_secs(20))?;
    ensure!(worker.log()?.contains("Trying again in"), "{}", worker.log()?);
    ensure!(!worker.log()?.contains("Traceback"), "{}", worker.log()?);
    ensure!(worker.is_running()?, "the worker gave up");
    server.start_again()?;
    worker.wait_ready()?;
    drop(server);
    let _usual = scene.worker(&[])?;
    ensure!(client.run("tasks.add", json!([1, 2]))?.success()? == json!(3));
    Ok(())
}

#[test]
fn sigterm_while_waiting_for_a_broker() -> Result<()> {
    let scene = Scene::open("basic")?;
    let url = format!("redis://127.0.0.1:{}/0", free_port()?);
    let mut worker = scene.worker_spec().env("BROKER_URL", &url).spawn()?;
    worker.wait_log("Cannot connect to", Duration::from_secs(20))?;
    let code = worker.terminate(Duration::from_secs(5))?;
    ensure!(code == 0, "exit code {code}");
    Ok(())
}

#[test]
fn wrong_password_is_named() -> Result<()> {
    let scene = Scene::open_with_password("basic", "right")?;
    let url = format!("redis://:wr0ng@127.0.0.1:{}/0", scene.redis.port());
    let mut worker = scene.worker_spec().env("BROKER_URL", &url).spawn()?;
    wait::until_true("a line on the password", Duration::from_secs(20), || {
        let log = worker.log()?.to_lowercase();
        Ok(["password", "auth"].iter().any(|word| log.contains(word)))
    })?;
    ensure!(!worker.log()?.contains("wr0ng"), "the password is shown:\n{}", worker.log()?);
    worker.kill()
}

/// Puts `raw` into the queue, and expects the worker to say `word` and to go on.
fn survives(scene: &Scene, worker: &mut WorkerProcess, raw: &str, word: &str) -> Result<()> {
    let mut broker = scene.redis.connect(0)?;
    redis::cmd("LPUSH").arg("celery").arg(raw).query::<()>(&mut broker)?;
    wait::until_true(&format!("a line with {word:?} on {raw}"), Duration::from_secs(10), || {
        Ok(worker.log()?.to_lowercase().contains(word))
    })?;
    goes_on(scene, worker)
}

fn goes_on(scene: &Scene, worker: &mut WorkerProcess) -> Result<()> {
    let mut client = scene.client()?;
    ensure!(client.run("tasks.add", json!([1, 2]))?.success()? == json!(3));
    ensure!(client.run("tasks.add_async", json!([1, 2]))?.success()? == json!(3));
    ensure!(worker.is_running()?, "the worker ended");
    ensure!(!worker.log()?.contains("panicked at"), "{}", worker.log()?);
    wait::until_true("all to be acknowledged", Duration::from_secs(5), || {
        Ok(scene.unacked()? == 0 && scene.queued("celery")? == 0)
    })
}

#[test]
fn undecodable_body() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut worker = scene.worker(&[])?;
    // "{not json" in base64, under the headers of an ordinary task.
    let raw = json!({
        "body": "e25vdCBqc29u",
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": "tasks.add", "id": "11111111-2222-3333-4444-555555555555"},
        "properties": {
            "correlation_id": "11111111-2222-3333-4444-555555555555",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "celery"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": "66666666-7777-8888-9999-000000000000",
        },
    });
    survives(&scene, &mut worker, &raw.to_string(), "decode")
}

#[test]
fn message_that_is_no_envelope() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut worker = scene.worker(&[])?;
    survives(&scene, &mut worker, "neither json nor anything", "message")?;
    survives(&scene, &mut worker, "{}", "message")
}

#[test]
fn message_that_is_no_task() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut worker = scene.worker(&[])?;
    // {"a": 1} in base64, without the headers of a task.
    let raw = json!({
        "body": "eyJhIjogMX0=",
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {},
        "properties": {
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "celery"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": "66666666-7777-8888-9999-000000000001",
        },
    });
    survives(&scene, &mut worker, &raw.to_string(), "message")
}

#[test]
fn unknown_task() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let mut worker = scene.worker(&[])?;
    let error = client.run("tasks.no_such_task", json!([1]))?.failure()?;
    ensure!(error.kind == "NotRegistered", "{error:?}");
    ensure!(error.args == json!(["tasks.no_such_task"]), "{error:?}");
    let line = "Received unregistered task of type 'tasks.no_such_task'";
    worker.wait_log(line, Duration::from_secs(5))?;
    goes_on(&scene, &mut worker)
}

#[test]
fn disallowed_content_type() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let mut worker = scene.worker(&[])?;
    client.send_with("tasks.add", json!([1, 2]), json!({"serializer": "pickle"}))?;
    worker.wait_log("application/x-python-serialize", Duration::from_secs(10))?;
    goes_on(&scene, &mut worker)
}

#[test]
fn bad_eta() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let mut worker = scene.worker(&[])?;
    client.send_with("tasks.add", json!([1, 2]), json!({"headers": {"eta": "tomorrow-ish"}}))?;
    wait::until_true("a line on the ETA", Duration::from_secs(10), || {
        Ok(worker.log()?.to_lowercase().contains("tomorrow-ish"))
    })?;
    goes_on(&scene, &mut worker)
}

#[test]
fn wrong_arguments_fail_the_task_only() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let mut worker = scene.worker(&[])?;
    for task in ["tasks.add", "tasks.add_async"] {
        let error = client.run(task, json!([1, 2, 3]))?.failure()?;
        ensure!(error.kind == "TypeError", "{error:?}");
    }
    goes_on(&scene, &mut worker)
}

#[test]
fn broker_that_goes_away_and_comes_back() -> Result<()> {
    let mut scene = Scene::open("basic")?;
    let mut worker = scene.worker(&["--sync-workers=1", "--loop-concurrency=1"])?;
    let mut client = scene.client()?;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(client.send("tasks.add", json!([n, 1]))?);
        ids.push(client.send("tasks.add_async", json!([n, 1]))?);
    }
    for id in &ids {
        client.get(id, 10.0)?.success()?;
    }
    let later = client.send_with("tasks.add", json!([40, 2]), json!({"countdown": 4}))?;
    let later_async = client.send_with("tasks.add_async", json!([40, 2]), json!({"countdown": 4}))?;
    drop(client);
    scene.redis.stop()?;
    worker.wait_log("Connection to broker lost", Duration::from_secs(20))?;
    ensure!(worker.is_running()?, "the worker ended");
    scene.redis.start_again()?;
    let mut client = scene.client()?;
    ensure!(client.run("tasks.add", json!([1, 2]))?.success()? == json!(3));
    ensure!(client.run("tasks.add_async", json!([1, 2]))?.success()? == json!(3));
    ensure!(client.get(&later, 20.0)?.success()? == json!(42));
    ensure!(client.get(&later_async, 20.0)?.success()? == json!(42));
    ensure!(!worker.log()?.contains("panicked at"), "{}", worker.log()?);
    ensure!(worker.terminate(Duration::from_secs(15))? == 0);
    ensure!(scene.queued("celery")? + scene.unacked()? == 0, "messages are left over");
    Ok(())
}
