//! Chains, groups, chords and callbacks of both kinds of task.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use serde_json::{Value, json};

/// What `producer.<function>()` gives while a worker runs.
fn canvas(function: &str) -> Result<Value> {
    let scene = Scene::open("canvas")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    client.call(&format!("producer:{function}"), json!([]))
}

fn gives(function: &str, wanted: Value) -> Result<()> {
    let got = canvas(function)?;
    ensure!(got == wanted, "{function} gave {got}, expected {wanted}");
    Ok(())
}

#[test]
fn chain_of_both_kinds() -> Result<()> {
    gives("chained", json!(15))
}

#[test]
fn chain_keeps_its_parents() -> Result<()> {
    gives("chain_parents", json!([6, 3]))
}

#[test]
fn chain_records_its_children() -> Result<()> {
    gives("chain_children", json!(true))
}

#[test]
fn group_of_both_kinds() -> Result<()> {
    gives("grouped", json!([0, 0, 2, 2, 4, 4, 6, 6, 8, 8]))
}

#[test]
fn chord_with_a_coroutine_as_its_body() -> Result<()> {
    gives("chorded", json!(12))
}

#[test]
fn chord_with_a_function_as_its_body() -> Result<()> {
    gives("chord_to_sync", json!(210))
}

#[test]
fn chain_through_a_group() -> Result<()> {
    gives("chain_with_group", json!(7))
}

#[test]
fn failure_ends_a_chain() -> Result<()> {
    gives("broken_chain", json!(["FAILURE", "ValueError"]))
}

#[test]
fn failure_in_a_header_ends_a_chord() -> Result<()> {
    gives("broken_chord", json!(["FAILURE", "ChordError"]))
}

#[test]
fn callbacks_run_after_success() -> Result<()> {
    let scene = Scene::open("canvas")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    for (function, times) in [("linked", 1), ("linked_twice", 2)] {
        ensure!(client.call(&format!("producer:{function}"), json!([function]))? == json!(3));
        wait::until_true("the callbacks", Duration::from_secs(10), || {
            Ok(scene.notes(function)?.len() == times)
        })?;
        ensure!(scene.notes(function)?.iter().all(|note| note == "3"), "{:?}", scene.notes(function)?);
    }
    Ok(())
}

#[test]
fn error_callbacks_run_after_failure() -> Result<()> {
    let scene = Scene::open("canvas")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    for function in ["linked_error", "linked_async_error"] {
        let seen = client.call(&format!("producer:{function}"), json!([function]))?;
        ensure!(seen[1] == "ValueError('on purpose')", "{seen}");
        let note = wait::until("the error callback", Duration::from_secs(10), || {
            Ok(scene.notes(function)?.first().cloned())
        })?;
        let wanted = format!("{} ValueError('on purpose')", seen[0].as_str().unwrap_or_default());
        ensure!(note == wanted, "{note}");
    }
    Ok(())
}
