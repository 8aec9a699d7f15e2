//! What follows a task that succeeded, sent by the engine: nothing is lost, and a body of a chord is sent once.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use redis::cmd;
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_chord_of_ten_thousand_coroutines_ends_once() -> Result<()> {
    let scene = Scene::open("canvas")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["--loop-concurrency=1000"])?;
    let total: u64 = (0..10_000).sum();
    ensure!(client.call("producer:wide_chord", json!([10_000, "total"]))? == json!(total));
    ensure!(scene.notes("total")? == [total.to_string()], "{:?}", scene.notes("total")?);
    Ok(())
}

#[test]
fn what_the_app_sends_in_its_own_way_it_sends() -> Result<()> {
    let scene = Scene::open("canvas")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let seen = client.call("producer:sent_by_the_app", json!([]))?;
    ensure!(seen == json!([3, 4, [0, 1, 2], [3], true]), "{seen}");
    ensure!(scene.notes("sent")? == ["tasks.noted"; 3], "{:?}", scene.notes("sent")?);
    Ok(())
}

#[test]
fn a_chord_outlives_its_workers() -> Result<()> {
    let mut scene = Scene::open("canvas")?;
    scene.set_env("LEASE", "2");
    let mut client = scene.client()?;
    let options = ["--loop-concurrency=20"];
    let mut worker = scene.worker(&options)?;
    let id = client.call("producer:late_chord", json!([200, "total"]))?;
    for begun in [50, 120] {
        wait::until_true("some parts", LONG, || Ok(scene.notes("total-parts")?.len() >= begun))?;
        worker.kill()?;
        worker = scene.worker(&options)?;
    }
    let total: u64 = (0..200).sum();
    ensure!(client.call("producer:awaited", json!([id]))? == json!(total));
    ensure!(scene.notes("total")? == [total.to_string()], "{:?}", scene.notes("total")?);
    wait::until_true("the last message", LONG, || Ok(scene.unacked()? == 0 && scene.queued("celery")? == 0))
}

/// The last part of a chord finds that somebody has claimed to send the body, and is gone.
fn claimed_for(scene: &Scene, seconds: u64) -> Result<Value> {
    let id = scene.client()?.call("producer:claimed_chord", json!([seconds]))?;
    let mut results = scene.redis.connect(1)?;
    let key = format!("celery-task-meta-{}", part_of(scene)?);
    wait::until_true("the part to be stored", LONG, || Ok(cmd("EXISTS").arg(&key).query(&mut results)?))?;
    Ok(id)
}

/// The id of the task that a worker has, or had just now.
fn part_of(scene: &Scene) -> Result<String> {
    let mut results = scene.redis.connect(1)?;
    wait::until("the part to end", LONG, || {
        let keys: Vec<String> = cmd("KEYS").arg("celery-task-meta-*").query(&mut results)?;
        Ok(keys.first().map(|key| key.replace("celery-task-meta-", "")))
    })
}

#[test]
fn a_claim_of_somebody_who_is_gone_runs_out() -> Result<()> {
    let scene = Scene::open("canvas")?;
    let _worker = scene.worker(&[])?;
    let id = claimed_for(&scene, 3)?;
    ensure!(scene.unacked()? == 1, "the message of the part is kept until the body is sent");
    ensure!(scene.client()?.call("producer:awaited", json!([id]))? == json!(7));
    wait::until_true("the acknowledgement", LONG, || Ok(scene.unacked()? == 0))
}

#[test]
fn a_worker_that_ends_leaves_a_claimed_chord_to_the_next() -> Result<()> {
    let scene = Scene::open("canvas")?;
    let mut worker = scene.worker(&[])?;
    claimed_for(&scene, 600)?;
    ensure!(worker.terminate(LONG)? == 0, "it ends");
    ensure!(scene.queued("celery")? == 1 && scene.unacked()? == 0, "the part is in its queue");
    Ok(())
}

#[test]
fn what_the_broker_refuses_fails_the_task_or_the_chord() -> Result<()> {
    let scene = Scene::open("canvas")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    // The engine knows the one, the app has to make the other.
    for queue in ["strays", "unheard-of"] {
        // No list: nothing can be put into it.
        let () = cmd("SET").arg(queue).arg("x").query(&mut scene.redis.connect(0)?)?;
        let seen = client.call("producer:refused_link", json!([queue, queue]))?;
        ensure!(seen == json!(["FAILURE", "OperationalError"]), "{queue}: {seen}");
        wait::until_true("the error link", LONG, || Ok(scene.notes(queue)?.len() == 1))?;
        let seen = client.call("producer:refused_body", json!([queue]))?;
        ensure!(seen == json!(["FAILURE", "ChordError"]), "{queue}: {seen}");
    }
    wait::until_true("the last message", LONG, || Ok(scene.unacked()? == 0 && scene.queued("celery")? == 0))
}
