//! What tasks return instead of values.

use std::time::Duration;

use anyhow::Result;
use celery_oxide_tests::wait;
use serde_json::json;

use super::support::Native;

#[test]
fn exceptions_are_raised_again_by_name() -> Result<()> {
    let mut native = Native::start()?;
    let error = native.client.run("native.value_error", json!(["no"]))?.failure()?;
    assert_eq!((&*error.kind, &*error.module, &error.args), ("ValueError", "builtins", &json!(["no", 1])));
    let outcome = native.client.run("native.parse", json!(["x"]))?;
    let traceback = outcome.traceback.clone().unwrap_or_default();
    assert!(traceback.contains("In the Rust task native.parse"), "{traceback}");
    let error = outcome.failure()?;
    assert_eq!((&*error.kind, &*error.text), ("ParseIntError", "invalid digit found in string"));
    Ok(())
}

#[test]
fn a_panic_fails_the_task_and_not_the_worker() -> Result<()> {
    let mut native = Native::start()?;
    let error = native.client.run("native.panic", json!([]))?.failure()?;
    assert_eq!((&*error.kind, &*error.text), ("PanicException", "the cat has left"));
    assert_eq!(native.client.run("native.add", json!([1, 2]))?.success()?, json!(3));
    Ok(())
}

#[test]
fn a_retry_keeps_its_id() -> Result<()> {
    let mut native = Native::start()?;
    let id = native.client.send("native.retry", json!(["retries"]))?;
    assert_eq!(native.client.get(&id, 20.0)?.success()?, json!(2));
    assert_eq!(native.scene.notes("retries")?, [format!("{id} 0"), format!("{id} 1"), format!("{id} 2")]);
    native.worker.wait_log("the retry", Duration::from_secs(10), |log| {
        log.contains("retry: Retry in 0.05s: Exception('not yet')").then_some(())
    })
}

#[test]
fn without_retries_left_it_fails() -> Result<()> {
    let mut native = Native::start()?;
    let id = native.client.send("native.exhausted", json!([]))?;
    let error = native.client.get(&id, 20.0)?.failure()?;
    assert_eq!((&*error.kind, &*error.module), ("MaxRetriesExceededError", "celery.exceptions"));
    assert_eq!(error.text, format!("Can't retry native.exhausted[{id}] args:() kwargs:{{}}"));
    Ok(())
}

#[test]
fn a_rejected_message_comes_again() -> Result<()> {
    let mut native = Native::start()?;
    assert_eq!(native.client.run("native.reject", json!([]))?.success()?, json!("again"));
    Ok(())
}

#[test]
fn an_ignored_task_has_no_result() -> Result<()> {
    let mut native = Native::start()?;
    let id = native.client.send("native.ignore", json!([]))?;
    native.worker.wait_log("that it is ignored", Duration::from_secs(20), |log| {
        log.contains(&format!("{id}] ignored")).then_some(())
    })?;
    assert_eq!(native.client.state(&id)?, "PENDING");
    wait::until_true("the message to be acknowledged", Duration::from_secs(10), || {
        Ok(native.scene.unacked()? == 0)
    })
}
