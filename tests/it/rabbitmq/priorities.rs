//! Priorities of the broker: higher sooner, first in first out within each.

use anyhow::Result;
use celery_oxide_tests::dice::Dice;
use celery_oxide_tests::scene::Scene;
use serde_json::json;

use crate::priorities::{TASKS, ensure_order};

/// Tasks with priorities from 0 to 9, queued before the worker starts. Whatever the prefetch, the queue knows which is next.
fn run_in_order(options: &[&str]) -> Result<()> {
    let mut scene = Scene::open_on_rabbitmq("priorities")?;
    scene.set_env("SETTINGS", r#"{"task_queue_max_priority": 9}"#);
    let mut dice = Dice::new(7);
    let priorities: Vec<u64> = (0..TASKS).map(|_| dice.below(10)).collect();
    scene.client()?.call("producer:send", json!([priorities]))?;
    let mut expected: Vec<usize> = (0..TASKS).collect();
    expected.sort_by_key(|number| 9 - priorities[*number]);
    let expected: Vec<String> = expected.into_iter().map(|number| number.to_string()).collect();
    ensure_order(&scene, options, &expected)
}

#[test]
fn higher_sooner_with_one_slot() -> Result<()> {
    run_in_order(&["--sync-workers=1"])
}

#[test]
fn higher_sooner_with_all_of_them_in_the_worker() -> Result<()> {
    run_in_order(&["--sync-workers=1", "--prefetch-multiplier=1000"])
}
