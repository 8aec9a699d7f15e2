//! Countdown and ETA: when a task runs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::Front;
use serde_json::json;

/// How late a due task may start on a machine that may be busy; `cargo xtask bench eta` measures how late it is.
const LATE: f64 = 1.0;

fn now() -> Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64())
}

#[test]
fn countdown_is_never_early_and_little_late() -> Result<()> {
    let scene = Scene::open_alone("basic")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    for task in ["tasks.stamp", "tasks.stamp_async"] {
        // The first task of its kind pays for what only a first task pays for.
        client.run(task, json!([]))?.success()?;
        let mut delays = Vec::new();
        for _ in 0..5 {
            let before = now()?;
            let id = client.send_with(task, json!([]), json!({"countdown": 0.8}))?;
            let after = now()?;
            let ran = client.get(&id, 10.0)?.success()?.as_f64().unwrap_or(0.0);
            ensure!(ran >= before + 0.8, "{task} ran {:.3} s early", before + 0.8 - ran);
            delays.push(ran - after - 0.8);
        }
        delays.sort_by(f64::total_cmp);
        ensure!(delays[2] <= LATE, "{task} started late, by {delays:.3?} s");
    }
    Ok(())
}

#[test]
fn an_earlier_eta_overtakes_a_later_one() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    let mut ids = Vec::new();
    for countdown in [2.4, 1.2, 1.8] {
        ids.push(client.send_with("tasks.stamp_async", json!([]), json!({"countdown": countdown}))?);
    }
    let mut stamps = Vec::new();
    for id in &ids {
        stamps.push(client.get(id, 10.0)?.success()?.as_f64().unwrap_or(0.0));
    }
    ensure!(stamps[1] < stamps[2] && stamps[2] < stamps[0], "they ran at {stamps:?}");
    Ok(())
}

#[test]
fn waiting_etas_do_not_keep_other_tasks_out() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    for _ in 0..100 {
        client.send_with("tasks.add", json!([1, 1]), json!({"countdown": 3600}))?;
        client.send_with("tasks.add_async", json!([1, 1]), json!({"countdown": 3600}))?;
    }
    let mut worker =
        scene.worker(&["--sync-workers=1", "--loop-concurrency=1", "--prefetch-multiplier=1"])?;
    ensure!(client.run("tasks.add", json!([1, 2]))?.success()? == json!(3));
    ensure!(client.run("tasks.add_async", json!([1, 2]))?.success()? == json!(3));
    ensure!(worker.terminate(Duration::from_secs(15))? == 0);
    let held = scene.queued("celery")? + scene.unacked()?;
    ensure!(held == 200, "the broker holds {held} of the 200 messages that wait");
    Ok(())
}

#[test]
fn a_waiting_eta_survives_a_restart() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let mut worker = scene.worker(&[])?;
    let before = now()?;
    let id = client.send_with("tasks.stamp", json!([]), json!({"countdown": 6}))?;
    wait::until_true("the worker to take the task", Duration::from_secs(5), || {
        Ok(worker.log()?.contains(&id))
    })?;
    ensure!(worker.terminate(Duration::from_secs(10))? == 0);
    let _worker = scene.worker(&[])?;
    let ran = client.get(&id, 20.0)?.success()?.as_f64().unwrap_or(0.0);
    ensure!(ran >= before + 6.0, "it ran {:.3} s early", before + 6.0 - ran);
    Ok(())
}

#[test]
fn a_task_past_its_expiry_is_revoked() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let expired = client.send_with("tasks.add", json!([1, 2]), json!({"expires": 0.1}))?;
    let expired_async = client.send_with("tasks.add_async", json!([1, 2]), json!({"expires": 0.1}))?;
    let in_time = client.send_with("tasks.add", json!([1, 2]), json!({"expires": 60}))?;
    let sent = now()?;
    wait::until_true("the expiry to pass", Duration::from_secs(2), || Ok(now()? > sent + 0.2))?;
    let _worker = scene.worker(&[])?;
    ensure!(client.get(&in_time, 10.0)?.success()? == json!(3));
    for id in [&expired, &expired_async] {
        let outcome = client.get(id, 10.0)?;
        ensure!(outcome.state == "REVOKED", "an expired task is {outcome:?}");
        let error = outcome.error.map(|error| error.kind).unwrap_or_default();
        ensure!(error == "TaskRevokedError", "get() raised {error}");
    }
    Ok(())
}

/// The setting, as low as it goes: what is due later than five seconds waits in the broker.
const PARK: &str = r#"{"worker_eta_park_after": 1}"#;

#[test]
fn a_far_eta_waits_in_the_broker_and_another_worker_runs_it_on_time() -> Result<()> {
    let mut scene = Scene::open_alone("basic")?;
    scene.set_env("SETTINGS", PARK);
    let mut client = scene.client()?;
    let mut first = scene.worker(&[])?;
    // The first task of its kind pays for what only a first task pays for.
    client.run("tasks.stamp_async", json!([]))?.success()?;
    let before = now()?;
    let id = client.send_with("tasks.stamp_async", json!([]), json!({"countdown": 9}))?;
    first.wait_log(&format!("tasks.stamp_async[{id}] waits in the broker until "), Duration::from_secs(5))?;
    wait::until_true("the worker to let go of it", Duration::from_secs(5), || Ok(scene.parked()? == 1))?;
    ensure!(scene.unacked()? == 1, "its message is not where stock workers look for it");
    // Nothing is left of it in this worker, so its death costs no time.
    first.kill()?;
    ensure!(!first.log()?.contains(&format!("{id}] received")), "it was received before it was due");

    let second = scene.worker(&[])?;
    client.run("tasks.stamp_async", json!([]))?.success()?;
    let ran = client.get(&id, 20.0)?.success()?.as_f64().unwrap_or(0.0);
    let late = ran - before - 9.0;
    ensure!(late >= 0.0, "it ran {:.3} s early", -late);
    ensure!(late <= 0.5, "it started late, by {late:.3} s");
    let log = second.log()?;
    ensure!(log.matches(&format!("{id}] received")).count() == 1, "it was not received once:\n{log}");
    ensure!(!log.contains("waits in the broker"), "it was parked again:\n{log}");
    ensure!(scene.parked()? == 0 && scene.unacked()? == 0);
    Ok(())
}

#[test]
fn a_parked_task_survives_a_return_to_stock_workers() -> Result<()> {
    let mut scene = Scene::open("basic")?;
    let settings = json!({
        "worker_eta_park_after": 1,
        "broker_transport_options":
            {"visibility_timeout": 30, "unacked_restore_interval": 1, "unacked_restore_throttle": 1},
    });
    scene.set_env("SETTINGS", &settings.to_string());
    let mut client = scene.client()?;
    let mut ours = scene.worker(&[])?;
    let before = now()?;
    let id = client.send_with("tasks.stamp", json!([]), json!({"countdown": 12}))?;
    wait::until_true("the worker to let go of it", Duration::from_secs(5), || Ok(scene.parked()? == 1))?;
    ensure!(ours.terminate(Duration::from_secs(15))? == 0);
    let _stock = scene.worker_spec().front(Front::Stock).args(&["-P", "solo"]).start()?;
    let ran = client.get(&id, 60.0)?.success()?.as_f64().unwrap_or(0.0);
    ensure!(ran >= before + 12.0, "it ran {:.3} s early", before + 12.0 - ran);
    Ok(())
}

#[test]
fn parking_can_be_turned_off() -> Result<()> {
    let mut scene = Scene::open("basic")?;
    scene.set_env("SETTINGS", r#"{"worker_eta_park_after": 0}"#);
    let mut client = scene.client()?;
    let worker = scene.worker(&[])?;
    let id = client.send_with("tasks.add", json!([1, 2]), json!({"countdown": 3600}))?;
    worker.wait_log(&format!("{id}] received"), Duration::from_secs(5))?;
    ensure!(scene.parked()? == 0);
    scene.set_env("SETTINGS", r#"{"worker_eta_park_after": "soon"}"#);
    let (code, log) = scene.worker_spec().run(Duration::from_secs(20))?;
    ensure!(code != 0 && log.contains("worker_eta_park_after must be a number of seconds"), "{code}: {log}");
    Ok(())
}
