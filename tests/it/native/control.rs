//! Commands and shutdowns.

use std::time::Duration;

use anyhow::Result;
use celery_oxide_tests::service::Signal;
use celery_oxide_tests::wait;
use serde_json::json;

use super::support::{Native, worker};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_running_task_is_terminated() -> Result<()> {
    let mut native = Native::start()?;
    for task in ["native.started", "native.block"] {
        let id = native.client.send(task, json!([60]))?;
        native
            .worker
            .wait_log("the task", SOON, |log| log.contains(&format!("{id}] received")).then_some(()))?;
        let said = native.scene.celery(&["control", "terminate", "SIGTERM", &id]);
        let _said = said?;
        wait::until_true("the task to be revoked", SOON, || Ok(native.client.state(&id)? == "REVOKED"))?;
    }
    assert_eq!(native.client.run("native.add", json!([1, 2]))?.success()?, json!(3));
    Ok(())
}

#[test]
fn a_warm_shutdown_lets_tasks_finish() -> Result<()> {
    let mut native = Native::start()?;
    let id = native.client.send("native.started", json!([1.5]))?;
    wait::until_true("the task to start", SOON, || Ok(native.client.state(&id)? == "STARTED"))?;
    native.worker.signal(Signal::TERM)?;
    assert_eq!(native.worker.wait_exit(SOON)?, 0);
    assert_eq!(native.client.get(&id, 5.0)?.success()?, json!(1.5));
    Ok(())
}

#[test]
fn a_second_signal_gives_tasks_up() -> Result<()> {
    let mut native = Native::start()?;
    let id = native.client.send("native.started", json!([60]))?;
    wait::until_true("the task to start", SOON, || Ok(native.client.state(&id)? == "STARTED"))?;
    native.worker.signal(Signal::TERM)?;
    native.worker.wait_log("that it stops", SOON, |log| log.contains("Warm shutdown").then_some(()))?;
    native.worker.signal(Signal::TERM)?;
    assert_eq!(native.worker.wait_exit(SOON)?, 1);
    Ok(())
}

#[test]
fn an_unacknowledged_task_runs_on_another_worker() -> Result<()> {
    let mut native = Native::start()?;
    let id = native.client.send("native.reject", json!([]))?;
    assert_eq!(native.client.get(&id, 20.0)?.success()?, json!("again"));
    let _second = worker(&native.scene, &["-n", "second@host"], &[])?;
    native.worker.signal(Signal::KILL)?;
    assert_eq!(native.client.run("native.add", json!([1, 2]))?.success()?, json!(3));
    Ok(())
}
