//! Clients of celery-redis-plus and celery-asyncio, whose broadcasts and events go through streams.
//!
//! Ignored: they need an environment with one of the packages, which `cargo xtask campaign --only neighbours` makes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::redis::RedisServer;
use celery_oxide_tests::venv::Venv;
use celery_oxide_tests::worker::{WorkerProcess, WorkerSpec};
use celery_oxide_tests::{paths, wait};
use serde_json::json;

const SOON: Duration = Duration::from_secs(30);
const NODE: &str = "ours@test";

/// The environment variable with the virtual environment of the other clients.
const VARIABLE: &str = "CELERY_OXIDE_NEIGHBOUR";

struct Neighbours {
    client: Client,
    worker: WorkerProcess,
    redis: RedisServer,
}

fn open(options: &[&str]) -> Result<Neighbours> {
    let theirs = std::env::var_os(VARIABLE).with_context(|| format!("{VARIABLE} is not set"))?;
    let theirs = Venv::at(paths::workspace().join(theirs));
    let redis = RedisServer::start()?;
    let folder = paths::app("neighbour");
    let environment = |scheme: &str| {
        let broker = redis.url(0).replacen("redis", scheme, 1);
        vec![("BROKER_URL".to_owned(), broker), ("RESULT_URL".to_owned(), redis.url(1))]
    };
    let client = Client::start(&theirs, &folder, &environment("valkey"))?;
    let spec = WorkerSpec::new(Venv::from_env()?, &folder).reported();
    let spec = environment("redis").iter().fold(spec, |spec, (name, value)| spec.env(name, value));
    let worker = spec.args(&["-n", NODE]).args(options).start()?;
    Ok(Neighbours { client, worker, redis })
}

#[test]
#[ignore = "needs celery-redis-plus or celery-asyncio: cargo xtask campaign --only neighbours"]
fn their_tasks_run_and_their_commands_are_answered() -> Result<()> {
    let Neighbours { mut client, redis: _redis, worker } = open(&["-c", "1"])?;
    ensure!(client.run("tasks.add", json!([1, 2]))?.success()? == json!(3));
    wait::until_true("an answer", SOON, || Ok(client.call("probe:nodes", json!([2.0]))? == json!([NODE])))?;
    for method in ["stats", "active", "registered", "active_queues", "scheduled"] {
        let answer = client.call("probe:inspect", json!([method, 3.0]))?;
        ensure!(answer.get(NODE).is_some(), "{method} was answered {answer}");
    }
    client.send("tasks.doze", json!([3]))?;
    let revoked = client.send("tasks.add", json!([1, 2]))?;
    client.call("probe:revoke", json!([revoked]))?;
    let outcome = client.get(&revoked, 20.0)?;
    ensure!(outcome.state == "REVOKED", "{outcome:?}");
    ensure!(worker.log()?.matches("Discarding revoked task").count() == 1, "the command was heard twice");
    Ok(())
}

#[test]
#[ignore = "needs celery-redis-plus or celery-asyncio: cargo xtask campaign --only neighbours"]
fn they_hear_our_events() -> Result<()> {
    let Neighbours { mut client, redis: _redis, mut worker } = open(&["-E"])?;
    client.call("probe:watch", json!([]))?;
    wait::until_true("a heartbeat", SOON, || {
        Ok(client
            .call("probe:heard", json!(["worker-heartbeat"]))?
            .as_array()
            .is_some_and(|nodes| !nodes.is_empty()))
    })?;
    let id = client.send("tasks.add", json!([1, 2]))?;
    for kind in ["task-received", "task-started", "task-succeeded"] {
        wait::until_true(kind, SOON, || Ok(client.call("probe:heard", json!([kind]))? == json!([id])))?;
    }
    ensure!(worker.terminate(Duration::from_secs(20))? == 0);
    wait::until_true("its end", SOON, || {
        Ok(client.call("probe:heard", json!(["worker-offline"]))? == json!([NODE]))
    })?;
    Ok(())
}
