//! Coroutines run on a loop and functions on threads, by what a task really does.

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::worker::Front;
use serde_json::{Value, json};

/// Runs `task(7)` and gives what it saw.
fn place_of(task: &str) -> Result<Value> {
    let scene = Scene::open("routing")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    client.run(&format!("tasks.{task}"), json!([7]))?.success()
}

fn on_loop(task: &str) -> Result<Value> {
    let place = place_of(task)?;
    ensure!(place["loop"] == true, "{task} did not run on an event loop: {place}");
    Ok(place)
}

fn on_thread(task: &str) -> Result<Value> {
    let place = place_of(task)?;
    ensure!(place["loop"] == false, "{task} ran on an event loop: {place}");
    ensure!(place["x"] == 7, "{place}");
    Ok(place)
}

#[test]
fn decorated_async() -> Result<()> {
    ensure!(on_loop("decorated")?["x"] == 7);
    Ok(())
}

#[test]
fn partial_of_async() -> Result<()> {
    ensure!(on_loop("partial")?["x"] == 21);
    Ok(())
}

#[test]
fn class_based_async() -> Result<()> {
    let place = on_loop("class_based")?;
    ensure!(place["x"] == 7 && place["id_known"] == true, "{place}");
    Ok(())
}

#[test]
fn autoretry_async() -> Result<()> {
    let place = on_loop("auto_retried")?;
    ensure!(place["x"] == 7 && place["retries"] == 2, "{place}");
    Ok(())
}

#[test]
fn autoretry_sync() -> Result<()> {
    let place = on_thread("auto_retried_sync")?;
    ensure!(place["retries"] == 2, "{place}");
    Ok(())
}

#[test]
fn function_that_returns_a_coroutine_is_finished_on_a_loop() -> Result<()> {
    ensure!(on_loop("returns_coroutine")?["x"] == 7);
    Ok(())
}

#[test]
fn function_that_returns_an_awaitable_is_finished_on_a_loop() -> Result<()> {
    ensure!(on_loop("returns_awaitable")?["x"] == 7);
    Ok(())
}

#[test]
fn function_with_a_loop_of_its_own() -> Result<()> {
    let place = place_of("uses_own_loop")?;
    ensure!(place["x"] == 7 && place["loop_inside"] == true, "{place}");
    Ok(())
}

#[test]
fn every_other_shape_of_task() -> Result<()> {
    let scene = Scene::open("routing")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let mut loops = Vec::new();
    for task in ["plain_async", "decorated_twice", "decorated_bound", "with_base"] {
        let place = client.run(&format!("tasks.{task}"), json!([7]))?.success()?;
        ensure!(place["x"] == 7 && place["loop"] == true, "{task}: {place}");
        loops.push(place["thread"].clone());
    }
    ensure!(loops.iter().all(|thread| *thread == loops[0]), "one loop worker, but threads {loops:?}");
    for task in ["plain_sync", "decorated_sync", "class_based_sync"] {
        let place = client.run(&format!("tasks.{task}"), json!([7]))?.success()?;
        ensure!(place["x"] == 7 && place["loop"] == false, "{task}: {place}");
        ensure!(!loops.contains(&place["thread"]), "{task} ran in the thread of the loop");
    }
    let vain = client.run("tasks.auto_retried_in_vain", json!([1]))?.failure()?;
    ensure!(vain.kind == "ValueError", "{vain:?}");
    Ok(())
}

#[test]
fn without_our_options_the_stock_worker_starts() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let mut worker = scene.worker_spec().front(Front::Stock).args(&["-P", "solo"]).start()?;
    ensure!(client.run("tasks.add", json!([1, 2]))?.success()? == json!(3));
    // What a stock worker makes of a coroutine.
    let failure = client.run("tasks.add_async", json!([1, 2]))?.failure()?;
    ensure!(failure.text.contains("coroutine"), "{failure:?}");
    let log = worker.log()?;
    ensure!(log.contains("(solo)"), "this is not the stock banner:\n{log}");
    worker.kill()
}
