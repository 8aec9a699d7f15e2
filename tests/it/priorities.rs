//! Priorities: tasks that wait run in the documented order, one after the other.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::paths;
use celery_oxide_tests::scene::{BROKER, Scene};
use celery_oxide_tests::wait;
use serde_json::json;

pub(crate) const TASKS: usize = 1000;
const LONG: Duration = Duration::from_secs(90);
/// One slot, and all tasks in the worker before the first has ended.
const ONE_SLOT: [&str; 3] = ["--sync-workers=1", "--loop-concurrency=1000", "--prefetch-multiplier=1000"];

/// Numbers from 0 to 255 that look random and are the same in every run; 255 is not the first.
fn priorities() -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut numbers: Vec<u8> = (0..TASKS)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            u8::try_from(state >> 56).unwrap_or_default()
        })
        .collect();
    numbers[TASKS - 1] = 255;
    numbers[0] = 7;
    numbers
}

/// The tasks in the order of `rank`, those with the same in the order in which they were sent.
fn sorted_by(rank: impl Fn(u8) -> u8) -> Vec<String> {
    let priorities = priorities();
    let mut numbers: Vec<usize> = (0..TASKS).collect();
    numbers.sort_by_key(|number| rank(priorities[*number]));
    numbers.into_iter().map(|number| number.to_string()).collect()
}

/// The step of `priority_steps` that a stock producer chooses.
fn step(priority: u8) -> u8 {
    (priority / 3 * 3).min(9)
}

/// Runs what waits in `scene` with a worker with `options`, in this order.
pub(crate) fn ensure_order(scene: &Scene, options: &[&str], expected: &[String]) -> Result<()> {
    let _worker = scene.worker(options)?;
    wait::until_true("all tasks ran", LONG, || Ok(scene.notes("order")?.len() >= TASKS))?;
    let order = scene.notes("order")?;
    let wrong = order.iter().zip(expected).position(|(ran, wanted)| ran != wanted);
    ensure!(
        wrong.is_none() && order.len() == TASKS,
        "{} ran; the first in the wrong place is number {wrong:?}: {:?}",
        order.len(),
        wrong.map(|index| (&order[index], &expected[index]))
    );
    Ok(())
}

/// A scene whose apps have the broker as `valkey://`.
fn valkey() -> Result<Scene> {
    let mut scene = Scene::open("priorities")?;
    let url = scene.redis.url(0).replacen("redis://", "valkey://", 1);
    scene.set_env(BROKER, &url);
    Ok(scene)
}

#[test]
fn stock_lists_in_the_order_of_stock_workers() -> Result<()> {
    let scene = Scene::open("priorities")?;
    scene.client()?.call("producer:send", json!([priorities()]))?;
    ensure_order(&scene, &ONE_SLOT, &sorted_by(step))
}

#[test]
fn stock_lists_with_the_highest_first() -> Result<()> {
    let mut scene = Scene::open("priorities")?;
    scene.set_env("PRIORITY_ORDER", "high");
    scene.client()?.call("producer:send", json!([priorities()]))?;
    ensure_order(&scene, &ONE_SLOT, &sorted_by(|priority| 255 - priority))
}

#[test]
fn our_kombu_transport() -> Result<()> {
    let scene = valkey()?;
    scene.client()?.call("producer:send", json!([priorities()]))?;
    ensure!(scene.queued("celery")? == 0, "a stock list was written");
    ensure_order(&scene, &ONE_SLOT, &sorted_by(|priority| 255 - priority))
}

#[test]
fn captured_producers_of_sorted_sets() -> Result<()> {
    for file in ["redis_plus.json", "asyncio.json"] {
        let scene = valkey()?;
        let path = paths::workspace().join("crates/celery-transport/tests/valkey/captured").join(file);
        scene.client()?.call("producer:captured", json!([path, priorities()]))?;
        ensure_order(&scene, &ONE_SLOT, &sorted_by(|priority| 255 - priority))?;
    }
    Ok(())
}

#[test]
fn what_a_task_publishes_over_valkey_has_its_priority() -> Result<()> {
    let scene = valkey()?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["--sync-workers=1"])?;
    ensure!(client.run("tasks.add", json!([1, 2]))?.success()? == json!(3));
    client.send("tasks.send_again", json!([5, 200]))?;
    wait::until_true("it ran", LONG, || Ok(scene.notes("order")? == ["5"]))
}

#[test]
fn an_order_that_does_not_exist_is_refused() -> Result<()> {
    let mut scene = Scene::open("priorities")?;
    scene.set_env("PRIORITY_ORDER", "low");
    let (code, log) = scene.worker_spec().run(LONG)?;
    ensure!(code != 0 && log.contains("worker_priority_order is \"low\""), "{code}: {log}");
    Ok(())
}
