//! Canvases whose tasks run in workers of both kinds.

use std::time::Duration;

use anyhow::Result;
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::Front;
use serde_json::{Value, json};

use super::support::Native;

fn gives(function: &str, wanted: &Value) -> Result<()> {
    let mut native = Native::start()?;
    let stock = native.scene.worker_spec().front(Front::Stock).args(&["-c", "1", "-Q", "python"]);
    let _python = stock.start()?;
    assert_eq!(native.client.call(&format!("tasks:{function}"), json!([]))?, *wanted);
    Ok(())
}

#[test]
fn a_chain_through_both_kinds_of_worker() -> Result<()> {
    gives("chained", &json!(10))
}

#[test]
fn a_chain_keeps_its_parents_and_children() -> Result<()> {
    gives("parents", &json!([6, 3, true]))
}

#[test]
fn a_group() -> Result<()> {
    gives("grouped", &json!([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]))
}

#[test]
fn a_chord_of_both_kinds_of_task() -> Result<()> {
    gives("chorded", &json!(22))
}

#[test]
fn a_chord_with_a_body_in_python() -> Result<()> {
    gives("chord_to_python", &json!(20))
}

/// As with a stock worker.
#[test]
fn a_header_with_a_group_in_it() -> Result<()> {
    gives("nested", &json!([[[2, 6, 4]], {}]))
}

#[test]
fn a_part_that_fails_breaks_the_chord() -> Result<()> {
    gives("broken_chord", &json!(["ChordError", "raised ParseIntError('invalid digit found in string')"]))
}

#[test]
fn a_step_that_fails_fails_the_rest() -> Result<()> {
    gives("broken_chain", &json!(["ParseIntError", "invalid digit found in string"]))
}

#[test]
fn links_of_both_kinds_are_called() -> Result<()> {
    let mut native = Native::start()?;
    for function in ["errback", "linked"] {
        native.client.call(&format!("tasks:{function}"), json!([function]))?;
        wait::until_true("the link to be called", Duration::from_secs(20), || {
            Ok(native.scene.notes(function)? == ["\"called\""])
        })?;
    }
    Ok(())
}

#[test]
fn tasks_sent_by_a_task_are_its_children() -> Result<()> {
    let mut native = Native::start()?;
    let id = native.client.send("native.spawn", json!(["native.add"]))?;
    assert_eq!(native.client.call("tasks:children", json!([id]))?, json!([true, [1, 2]]));
    Ok(())
}
