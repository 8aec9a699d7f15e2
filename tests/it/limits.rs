//! Soft and hard time limits of coroutines and functions.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use serde_json::{Value, json};

const SOFT: &str = "SoftTimeLimitExceeded";
const HARD: &str = "TimeLimitExceeded";

/// Sends `task` under limits in seconds, and gives its outcome and how long that took.
fn limited(
    client: &mut Client,
    task: &str,
    args: Value,
    soft: Option<f64>,
    hard: Option<f64>,
) -> Result<(celery_oxide_tests::client::Outcome, Duration)> {
    let mut options = json!({});
    if let Some(soft) = soft {
        options["soft_time_limit"] = json!(soft);
    }
    if let Some(hard) = hard {
        options["time_limit"] = json!(hard);
    }
    let started = Instant::now();
    let id = client.send_with(&format!("tasks.{task}"), args, options)?;
    let outcome = client.get(&id, 20.0)?;
    Ok((outcome, started.elapsed()))
}

fn failure_is(outcome: celery_oxide_tests::client::Outcome, kind: &str) -> Result<()> {
    let error = outcome.failure()?;
    ensure!(error.kind == kind, "expected {kind}, got {error:?}");
    Ok(())
}

#[test]
fn soft_limit_is_caught_inside_a_coroutine() -> Result<()> {
    let scene = Scene::open("limits")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let (outcome, took) = limited(&mut client, "catches_async", json!([30]), Some(0.5), Some(20.0))?;
    ensure!(outcome.success()? == json!("caught"));
    ensure!(took < Duration::from_secs(5), "it took {took:?}");
    let (outcome, _) = limited(&mut client, "cleans_up_async", json!([30]), Some(0.5), Some(20.0))?;
    ensure!(outcome.success()? == json!("cleaned up"));
    let (outcome, _) = limited(&mut client, "catches_async", json!([0.1]), Some(5.0), Some(20.0))?;
    ensure!(outcome.success()? == json!("finished"));
    Ok(())
}

#[test]
fn soft_limit_that_a_coroutine_does_not_catch_is_stored() -> Result<()> {
    let scene = Scene::open("limits")?;
    let mut client = scene.client()?;
    let worker = scene.worker(&[])?;
    let (outcome, _) = limited(&mut client, "sleeps_async", json!([30]), Some(0.5), None)?;
    ensure!(outcome.traceback.as_deref().unwrap_or("").contains("sleeps_async"), "{:?}", outcome.traceback);
    failure_is(outcome, SOFT)?;
    let (outcome, _) = limited(&mut client, "own_soft_async", json!([]), None, None)?;
    failure_is(outcome, SOFT)?;
    ensure!(worker.log()?.contains("Soft time limit"), "the log does not mention the soft limit");
    Ok(())
}

#[test]
fn soft_limit_inside_a_function() -> Result<()> {
    let scene = Scene::open("limits")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["--sync-workers=2"])?;
    let (outcome, took) = limited(&mut client, "catches_sync", json!([10]), Some(0.5), Some(20.0))?;
    ensure!(outcome.success()? == json!("caught"));
    ensure!(took < Duration::from_secs(5), "it took {took:?}");
    let (outcome, _) = limited(&mut client, "loops_sync", json!([10]), Some(0.5), None)?;
    failure_is(outcome, SOFT)?;
    let (outcome, _) = limited(&mut client, "own_soft_sync", json!([]), None, None)?;
    failure_is(outcome, SOFT)
}

#[test]
fn hard_limit_of_a_coroutine_is_on_time() -> Result<()> {
    let scene = Scene::open("limits")?;
    let mut client = scene.client()?;
    let worker = scene.worker(&[])?;
    let (outcome, took) = limited(&mut client, "sleeps_async", json!([30]), None, Some(0.6))?;
    failure_is(outcome, HARD)?;
    ensure!(took < Duration::from_secs(4), "it took {took:?}");
    let (outcome, _) = limited(&mut client, "own_hard_async", json!([]), None, None)?;
    failure_is(outcome, HARD)?;
    worker.wait_log("Hard time limit", Duration::from_secs(2))
}

#[test]
fn hard_limit_is_stored_while_the_loop_is_blocked() -> Result<()> {
    let scene = Scene::open("limits")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let (outcome, took) = limited(&mut client, "blocks_loop", json!([6]), None, Some(0.6))?;
    failure_is(outcome, HARD)?;
    ensure!(took < Duration::from_secs(4), "it took {took:?}");
    Ok(())
}

#[test]
fn a_coroutine_that_swallows_its_cancellation_frees_its_slot() -> Result<()> {
    let scene = Scene::open("limits")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["--loop-concurrency=1"])?;
    let id = client.send_with("tasks.swallows_async", json!(["swallowed"]), json!({"time_limit": 0.8}))?;
    let started = Instant::now();
    let next = client.send("tasks.quick_async", json!(["next"]))?;
    failure_is(client.get(&id, 10.0)?, HARD)?;
    ensure!(client.get(&next, 10.0)?.success()? == json!("next"));
    ensure!(
        started.elapsed() < Duration::from_secs(4),
        "the slot was free only after {:?}",
        started.elapsed()
    );
    wait::until_true("the body to end", Duration::from_secs(15), || {
        Ok(scene.notes("swallowed")?.contains(&"late".to_owned()))
    })?;
    // Another task's turn: had the late result been taken, it would be stored by now.
    client.run("tasks.quick_async", json!([1]))?.success()?;
    failure_is(client.get(&id, 5.0)?, HARD)
}

#[test]
fn hard_limit_of_a_function_that_sleeps_is_on_time_and_frees_its_slot() -> Result<()> {
    let scene = Scene::open("limits")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["--sync-workers=1"])?;
    let started = Instant::now();
    let id = client.send_with("tasks.sleeps_sync", json!([6, "slept"]), json!({"time_limit": 0.8}))?;
    let next = client.send("tasks.quick_sync", json!(["next"]))?;
    failure_is(client.get(&id, 10.0)?, HARD)?;
    ensure!(client.get(&next, 10.0)?.success()? == json!("next"));
    ensure!(
        started.elapsed() < Duration::from_secs(4),
        "the slot was free only after {:?}",
        started.elapsed()
    );
    wait::until_true("the late end of the body", Duration::from_secs(15), || {
        Ok(!scene.notes("slept")?.is_empty())
    })?;
    client.run("tasks.quick_sync", json!([1]))?.success()?;
    failure_is(client.get(&id, 5.0)?, HARD)?;
    let (outcome, _) = limited(&mut client, "own_hard_sync", json!([]), None, None)?;
    failure_is(outcome, HARD)
}

#[test]
fn the_clock_starts_with_the_task_not_with_its_message() -> Result<()> {
    let scene = Scene::open("limits")?;
    let mut client = scene.client()?;
    let mut ids = Vec::new();
    for task in ["tasks.naps_sync", "tasks.naps_async"] {
        for _ in 0..6 {
            let options = json!({"soft_time_limit": 1.2, "time_limit": 1.5});
            ids.push(client.send_with(task, json!([0.4]), options)?);
        }
    }
    let _worker = scene.worker(&["--sync-workers=1", "--loop-concurrency=1"])?;
    for id in &ids {
        ensure!(client.get(id, 20.0)?.success()? == json!("finished"));
    }
    Ok(())
}

#[test]
fn limits_of_the_command_line_apply_to_tasks_without_their_own() -> Result<()> {
    let scene = Scene::open("limits")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["--time-limit=1.5", "--soft-time-limit=0.5"])?;
    failure_is(client.run("tasks.sleeps_async", json!([30]))?, SOFT)?;
    failure_is(client.run("tasks.loops_sync", json!([30]))?, SOFT)?;
    failure_is(client.run("tasks.sleeps_sync", json!([4, "cli"]))?, HARD)
}

#[test]
fn no_soft_limit_hits_a_thread_after_its_body() -> Result<()> {
    let scene = Scene::open("limits")?;
    let mut client = scene.client()?;
    let mut worker = scene.worker(&["--sync-workers=2"])?;
    for _ in 0..8 {
        let outcome = client.run("tasks.races_with_its_end", json!([]))?;
        ensure!(
            outcome.state == "SUCCESS" || outcome.error.as_ref().is_some_and(|e| e.kind == SOFT),
            "{outcome:?}"
        );
        ensure!(client.run("tasks.quick_sync", json!([5]))?.success()? == json!(5));
    }
    ensure!(worker.is_running()?, "the worker died");
    Ok(())
}

#[test]
fn soft_limit_leaves_no_orphan_in_wait_for() -> Result<()> {
    no_orphan("inside_wait_for", Err(SOFT), 8)
}

#[test]
fn soft_limit_leaves_no_orphan_in_gather() -> Result<()> {
    no_orphan("inside_gather", Err(SOFT), 8)
}

#[test]
fn soft_limit_caught_around_wait_for() -> Result<()> {
    no_orphan("wait_for_caught", Ok("caught"), 8)
}

#[test]
fn shielded_work_goes_on_under_a_soft_limit() -> Result<()> {
    no_orphan("inside_shield", Ok("shielded work done"), 8)
}

#[test]
fn soft_limit_in_the_body_of_a_task_group() -> Result<()> {
    no_orphan("group_body", Err(SOFT), 11)
}

#[test]
fn soft_limit_at_the_exit_of_a_task_group() -> Result<()> {
    no_orphan("group_exit", Err(SOFT), 11)
}

#[test]
fn soft_limit_caught_around_a_task_group() -> Result<()> {
    no_orphan("group_caught", Ok("caught"), 11)
}

#[test]
fn structured_concurrency_works_after_a_caught_soft_limit() -> Result<()> {
    no_orphan("group_then_more", Ok("more"), 11)
}

#[test]
fn soft_limit_inside_asyncio_timeout() -> Result<()> {
    no_orphan("inside_timeout", Err(SOFT), 11)
}

#[test]
fn soft_limit_caught_around_asyncio_timeout() -> Result<()> {
    no_orphan("timeout_caught", Ok("caught"), 11)
}

#[test]
fn a_timeout_of_the_tasks_own_stays_one() -> Result<()> {
    no_orphan("own_timeout_first", Ok("own timeout"), 11)
}

/// Runs `task` under a soft limit of half a second; expects its value or the name of its exception, and no child left.
/// `minor` is the first CPython 3.x that has what the task uses.
fn no_orphan(task: &str, expected: std::result::Result<&str, &str>, minor: u32) -> Result<()> {
    let scene = Scene::open("limits")?;
    if scene.venv.python_minor()? < minor {
        return Ok(());
    }
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let (outcome, took) = limited(&mut client, task, json!([task]), Some(0.5), Some(15.0))?;
    match expected {
        Ok(value) => ensure!(outcome.success()? == json!(value)),
        Err(kind) => failure_is(outcome, kind)?,
    }
    ensure!(took < Duration::from_secs(6), "it took {took:?}");
    wait::until_true("the children to end", Duration::from_secs(2), || {
        Ok(client.run("tasks.alive", json!([task]))?.success()? == json!(0))
    })
}
