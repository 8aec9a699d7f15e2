//! SIGTERM, a second one, and SIGQUIT.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::{Front, WorkerProcess};
use serde_json::json;

/// Starts a worker with one slot of each kind, and gives it ten tasks of each kind of which one runs.
fn busy(
    scene: &Scene,
    client: &mut Client,
    front: Front,
    seconds: f64,
) -> Result<(WorkerProcess, Vec<String>)> {
    let spec = scene.worker_spec().front(front);
    let worker = spec.args(&["--loop-workers=1", "--sync-workers=1", "--loop-concurrency=1"]).start()?;
    let mut ids = Vec::new();
    for n in 0..10 {
        for task in ["tasks.doze", "tasks.doze_async"] {
            ids.push(client.send(task, json!([seconds, format!("{task}-{n}")]))?);
        }
    }
    wait::until_true("one task of each kind to start", Duration::from_secs(10), || {
        Ok(scene.notes("started")?.len() == 2)
    })?;
    Ok((worker, ids))
}

fn warm(front: Front) -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let (mut worker, ids) = busy(&scene, &mut client, front, 2.0)?;
    let code = worker.terminate(Duration::from_secs(15))?;
    ensure!(code == 0, "exit code {code}");
    let log = worker.log()?;
    ensure!(log.contains("worker: Warm shutdown (MainProcess)"), "no line for the shutdown:\n{log}");
    ensure!(scene.notes("started")?.len() == 2, "more started after SIGTERM: {:?}", scene.notes("started")?);
    ensure!(scene.notes("finished")?.len() == 2, "what ran did not finish");
    ensure!(client.states(&ids)? == json!({"SUCCESS": 2, "PENDING": 18}), "{}", client.states(&ids)?);
    ensure!(scene.unacked()? == 0, "{} messages stay unacknowledged", scene.unacked()?);
    ensure!(scene.queued("celery")? == 18, "{} of 18 messages were given back", scene.queued("celery")?);
    Ok(())
}

#[test]
fn sigterm_finishes_what_runs_and_gives_back_the_rest() -> Result<()> {
    warm(Front::WorkerCli)
}

#[test]
fn sigterm_under_the_celery_command() -> Result<()> {
    warm(Front::Celery)
}

#[test]
fn a_stock_worker_runs_what_was_given_back() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let (mut worker, ids) = busy(&scene, &mut client, Front::WorkerCli, 0.5)?;
    ensure!(worker.terminate(Duration::from_secs(15))? == 0);
    let _stock = scene.worker_spec().front(Front::Stock).args(&["-P", "threads", "-c", "10"]).start()?;
    // The functions among them; a stock worker cannot run coroutines.
    for id in ids.iter().step_by(2) {
        client.get(id, 20.0)?.success()?;
    }
    Ok(())
}

#[test]
fn a_second_sigterm_is_cold() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let (mut worker, _) = busy(&scene, &mut client, Front::WorkerCli, 30.0)?;
    worker.sigterm()?;
    worker.wait_log("Warm shutdown", Duration::from_secs(5))?;
    ensure!(worker.is_running()?, "SIGTERM did not wait for what runs");
    worker.sigterm()?;
    cold_end(&scene, &mut worker)
}

#[test]
fn sigquit_is_cold() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let (mut worker, _) = busy(&scene, &mut client, Front::WorkerCli, 30.0)?;
    worker.sigquit()?;
    cold_end(&scene, &mut worker)
}

fn cold_end(scene: &Scene, worker: &mut WorkerProcess) -> Result<()> {
    let started = Instant::now();
    // Upstream ends a cold shutdown with EX_FAILURE (`celery/apps/worker.py: install_worker_term_hard_handler`).
    let code = worker.wait_exit(Duration::from_secs(10))?;
    ensure!(code == 1, "exit code {code} after {:?}", started.elapsed());
    let log = worker.log()?;
    ensure!(log.contains("worker: Cold shutdown (MainProcess)"), "no line for the shutdown:\n{log}");
    ensure!(scene.notes("finished")?.is_empty(), "a task of 30 s finished");
    let held = scene.queued("celery")?;
    ensure!(held >= 18, "{held} of the 18 messages that had not started are in the queue");
    ensure!(scene.unacked()? == 0, "{} messages stay unacknowledged", scene.unacked()?);
    Ok(())
}

#[test]
fn an_idle_worker_ends_at_once() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut worker = scene.worker(&[])?;
    let started = Instant::now();
    let code = worker.terminate(Duration::from_secs(10))?;
    ensure!(code == 0, "exit code {code}");
    ensure!(started.elapsed() < Duration::from_secs(3), "it took {:?}", started.elapsed());
    Ok(())
}

#[test]
fn sigterm_to_the_celery_command_is_received_by_the_worker_itself() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let worker = scene.worker_spec().front(Front::Celery).start()?;
    let seen = client.run("tasks.environment", json!([]))?.success()?;
    ensure!(
        seen["pid"] == json!(worker.pid()),
        "the tasks run in process {}, not {}",
        seen["pid"],
        worker.pid()
    );
    Ok(())
}
