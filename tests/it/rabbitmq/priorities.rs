//! Priorities of the broker: higher sooner, first in first out within each.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::dice::Dice;
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use serde_json::json;

const TASKS: usize = 1000;
const LONG: Duration = Duration::from_secs(120);

/// Tasks with priorities from 0 to 9, queued before the worker starts. Whatever the prefetch, the queue knows which is next.
fn run_in_order(options: &[&str]) -> Result<()> {
    let mut scene = Scene::open_on_rabbitmq("priorities")?;
    scene.set_env("SETTINGS", r#"{"task_queue_max_priority": 9}"#);
    let mut dice = Dice::new(7);
    let priorities: Vec<u64> = (0..TASKS).map(|_| dice.below(10)).collect();
    scene.client()?.call("producer:send", json!([priorities]))?;
    let _worker = scene.worker(options)?;
    wait::until_true("all tasks ran", LONG, || Ok(scene.notes("order")?.len() >= TASKS))?;
    let order = scene.notes("order")?;
    let mut expected: Vec<usize> = (0..TASKS).collect();
    expected.sort_by_key(|number| 9 - priorities[*number]);
    let wrong = order.iter().zip(&expected).position(|(ran, wanted)| *ran != wanted.to_string());
    ensure!(
        wrong.is_none() && order.len() == TASKS,
        "{} ran; the first in the wrong place is number {wrong:?}: {:?}",
        order.len(),
        wrong.map(|index| (&order[index], expected[index]))
    );
    Ok(())
}

#[test]
fn higher_sooner_with_one_slot() -> Result<()> {
    run_in_order(&["--sync-workers=1"])
}

#[test]
fn higher_sooner_with_all_of_them_in_the_worker() -> Result<()> {
    run_in_order(&["--sync-workers=1", "--prefetch-multiplier=1000"])
}
