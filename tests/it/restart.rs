//! Nothing is lost and nothing runs twice while workers come and go.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use serde_json::json;

/// Tasks of the long run.
const TASKS: usize = 10_000;

/// The environment variable with the seed that varies the long run.
const SEED: &str = "CELERY_OXIDE_TEST_SEED";

#[test]
fn ten_thousand_tasks_through_three_restarts() -> Result<()> {
    let scene = Scene::open("load")?;
    let seed: usize = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut client = scene.client()?;
    let mut notes = scene.redis.connect(2)?;
    let mut effects = || -> Result<usize> {
        Ok(redis::cmd("GET").arg("effects").query::<Option<usize>>(&mut notes)?.unwrap_or(0))
    };
    let options = ["--loop-concurrency=100", "--sync-workers=4"];
    let mut worker = scene.worker(&options)?;
    let mut producer = scene
        .command("python", &["producer.py", &TASKS.to_string(), "50", &seed.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .context("cannot start the producer")?;

    for restart in 1..=3 {
        // Not at the same places with each seed.
        let threshold = TASKS * restart / 4 + (seed * 7919 + restart * 104_729) % 500;
        wait::until_true("tasks to be done before a restart", Duration::from_secs(120), || {
            Ok(effects()? >= threshold)
        })?;
        let code = worker.terminate(Duration::from_secs(30))?;
        ensure!(code == 0, "exit code {code} at restart {restart}");
        let unacked = scene.unacked()?;
        ensure!(unacked == 0, "{unacked} messages stayed unacknowledged at restart {restart}");
        worker = scene.worker(&options)?;
    }

    ensure!(producer.wait()?.success(), "the producer failed");
    wait::until_true("all effects", Duration::from_secs(120), || Ok(effects()? >= TASKS))?;
    let counts = client.call("producer:effects", json!([TASKS]))?;
    ensure!(counts == json!({"1": TASKS}), "tasks by their number of effects: {counts}");

    let ids: Vec<String> =
        redis::cmd("LRANGE").arg("ids").arg(0).arg(-1).query(&mut scene.redis.connect(2)?)?;
    ensure!(ids.len() == TASKS, "the producer sent {} tasks", ids.len());
    wait::until_true("all results", Duration::from_secs(30), || {
        Ok(client.states(&ids)? == json!({"SUCCESS": TASKS}))
    })?;
    ensure!(worker.terminate(Duration::from_secs(20))? == 0, "the last exit code");
    ensure!(scene.queued("celery")? + scene.unacked()? == 0, "messages are left over");
    Ok(())
}

#[test]
fn killed_worker_loses_no_message() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let mut worker = scene.worker(&["--sync-workers=1", "--loop-concurrency=1"])?;
    for n in 0..20 {
        client.send("tasks.doze", json!([30, format!("doze-{n}")]))?;
        client.send("tasks.doze_async", json!([30, format!("doze-async-{n}")]))?;
    }
    wait::until_true("one task of each kind to start", Duration::from_secs(10), || {
        Ok(scene.notes("started")?.len() == 2)
    })?;
    worker.kill()?;
    // Two have started and were acknowledged at their start, as upstream does by default.
    let held = scene.queued("celery")? + scene.unacked()?;
    ensure!(held == 38, "the broker holds {held} of the 38 messages that had not started");
    Ok(())
}

#[test]
fn no_worker_takes_more_than_its_prefetch() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    for n in 0..600 {
        client.send("tasks.doze", json!([60, format!("doze-{n}")]))?;
    }
    let mut worker = scene.worker(&["--sync-workers=2", "--prefetch-multiplier=4"])?;
    wait::until_true("two tasks to start", Duration::from_secs(10), || {
        Ok(scene.notes("started")?.len() == 2)
    })?;
    let queued = scene.queued("celery")?;
    ensure!(queued >= 600 - 2 - 256 - 8, "only {queued} of 600 messages were left for other workers");
    worker.kill()
}
