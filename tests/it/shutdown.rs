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
    let code = worker.terminate(Duration::from_secs(30))?;
    ensure!(code == 0, "exit code {code}");
    ensure!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
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

/// A worker that lets tasks run on for `seconds` before a cold shutdown.
fn soft(seconds: f64) -> Result<Scene> {
    let mut scene = Scene::open("basic")?;
    scene.set_env("SETTINGS", &json!({"worker_soft_shutdown_timeout": seconds}).to_string());
    Ok(scene)
}

#[test]
fn a_soft_shutdown_lets_tasks_finish_within_its_time() -> Result<()> {
    let scene = soft(30.0)?;
    let mut client = scene.client()?;
    let (mut worker, ids) = busy(&scene, &mut client, Front::WorkerCli, 1.5)?;
    worker.sigquit()?;
    worker.wait_log("Initiating Soft Shutdown, terminating in 30 seconds", Duration::from_secs(5))?;
    // What waits is anybody's at once.
    wait::until_true("what waits to be given back", Duration::from_secs(5), || {
        Ok(scene.queued("celery")? == 18)
    })?;
    let code = worker.wait_exit(Duration::from_secs(15))?;
    ensure!(code == 1, "exit code {code}: upstream ends it as a cold one");
    ensure!(worker.log()?.contains("worker: Cold shutdown (MainProcess)"), "{}", worker.log()?);
    ensure!(client.states(&ids)? == json!({"SUCCESS": 2, "PENDING": 18}), "{}", client.states(&ids)?);
    Ok(())
}

#[test]
fn a_soft_shutdown_ends_when_its_time_is_over() -> Result<()> {
    let scene = soft(1.0)?;
    let mut client = scene.client()?;
    let (mut worker, _) = busy(&scene, &mut client, Front::WorkerCli, 30.0)?;
    let asked = Instant::now();
    worker.sigquit()?;
    cold_end(&scene, &mut worker)?;
    ensure!(asked.elapsed() > Duration::from_secs(1), "it took {:?}", asked.elapsed());
    Ok(())
}

#[test]
fn one_more_signal_cuts_a_soft_shutdown_short() -> Result<()> {
    let scene = soft(600.0)?;
    let mut client = scene.client()?;
    let (mut worker, _) = busy(&scene, &mut client, Front::WorkerCli, 30.0)?;
    worker.sigquit()?;
    worker.wait_log("Initiating Soft Shutdown", Duration::from_secs(5))?;
    worker.sigquit()?;
    worker.wait_log("Waiting gracefully for cold shutdown to complete...", Duration::from_secs(5))?;
    cold_end(&scene, &mut worker)
}

#[test]
fn sigterm_can_be_made_as_urgent_as_sigquit() -> Result<()> {
    let mut scene = Scene::open("basic")?;
    scene.set_env("REMAP_SIGTERM", "SIGQUIT");
    let mut client = scene.client()?;
    let (mut worker, _) = busy(&scene, &mut client, Front::WorkerCli, 30.0)?;
    worker.sigterm()?;
    cold_end(&scene, &mut worker)
}

#[test]
fn many_run_and_many_are_prefetched() -> Result<()> {
    let mut scene = Scene::open("basic")?;
    scene.set_env("SETTINGS", &json!({"worker_prefetch_multiplier": 4, "task_acks_late": true}).to_string());
    let mut client = scene.client()?;
    let options = ["--loop-concurrency=500", "--sync-workers=5"];
    let mut worker = scene.worker(&options)?;
    let folder = celery_oxide_tests::paths::scratch("held-")?;
    let file = folder.path().join("go on");
    let named = |kind: &str, count: usize| -> Vec<_> {
        (0..count).map(|n| json!([format!("{kind}-{n}"), file.display().to_string()])).collect()
    };
    let running = client.send_all("tasks.held_async", &named("async", 500))?;
    let functions = client.send_all("tasks.held", &named("sync", 5))?;
    wait::until_true("505 to run", Duration::from_secs(60), || Ok(scene.notes("started")?.len() == 505))?;
    let arguments: Vec<_> = (0..1000).map(|n| json!([n, n])).collect();
    let waiting = client.send_all("tasks.add_async", &arguments)?;
    wait::until_true("1,505 to be held", Duration::from_secs(60), || Ok(scene.unacked()? == 1505))?;
    worker.sigterm()?;
    wait::until_true("the prefetched to be anybody's", Duration::from_secs(10), || {
        Ok(scene.queued("celery")? == 1000 && scene.unacked()? == 505)
    })?;
    // While the others still run.
    let mut other = scene.worker(&options)?;
    wait::until_true("the other to have run them", Duration::from_secs(60), || {
        Ok(client.states(&waiting)? == json!({"SUCCESS": 1000}))
    })?;
    ensure!(worker.is_running()?);
    std::fs::write(&file, "")?;
    ensure!(worker.wait_exit(Duration::from_secs(30))? == 0);
    ensure!(client.states(&running)? == json!({"SUCCESS": 500}), "{}", client.states(&running)?);
    ensure!(client.states(&functions)? == json!({"SUCCESS": 5}), "{}", client.states(&functions)?);
    wait::until_true("nothing to be held any more", Duration::from_secs(10), || Ok(scene.unacked()? == 0))?;
    ensure!(other.terminate(Duration::from_secs(10))? == 0);
    Ok(())
}

#[test]
fn sighup_starts_the_worker_again() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let mut worker = scene.worker(&[])?;
    let before = client.run("tasks.environment", json!([]))?.success()?;
    let running = client.send("tasks.doze", json!([1.5, "runs"]))?;
    wait::until_true("it to start", Duration::from_secs(10), || Ok(scene.notes("started")?.len() == 1))?;
    worker.sighup()?;
    wait::until_true("the worker to be ready again", Duration::from_secs(40), || {
        Ok(worker.log()?.matches("ready.").count() == 2)
    })?;
    client.get(&running, 20.0)?.success()?;
    // The same process, with another interpreter in it.
    let after = client.run("tasks.environment", json!([]))?.success()?;
    ensure!(before["pid"] == after["pid"] && before["started"] != after["started"], "{before} {after}");
    ensure!(worker.terminate(Duration::from_secs(10))? == 0);
    Ok(())
}

#[test]
fn sigusr1_writes_the_stack_of_each_thread() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let worker = scene.worker(&[])?;
    client.send("tasks.doze", json!([20, "runs"]))?;
    wait::until_true("it to start", Duration::from_secs(10), || Ok(scene.notes("started")?.len() == 1))?;
    worker.sigusr1()?;
    worker.wait_log("time.sleep(seconds)", Duration::from_secs(10))?;
    ensure!(worker.log()?.contains("celery-sync-worker-"), "{}", worker.log()?);
    Ok(())
}

#[test]
fn too_many_stuck_tasks_start_the_worker_again() -> Result<()> {
    let mut scene = Scene::open("basic")?;
    scene.set_env("SETTINGS", r#"{"worker_max_stuck_tasks": 1}"#);
    let mut client = scene.client()?;
    let worker = scene.worker(&["--sync-workers=1"])?;
    for n in 0..2 {
        // One long call in C cannot be interrupted.
        let id = client.send_with("tasks.doze", json!([120, n.to_string()]), json!({"time_limit": 0.3}))?;
        let failure = client.get(&id, 20.0)?.failure()?;
        ensure!(failure.kind == "TimeLimitExceeded", "{failure:?}");
    }
    wait::until_true("the worker to be ready again", Duration::from_secs(40), || {
        Ok(worker.log()?.matches("ready.").count() == 2)
    })?;
    ensure!(worker.log()?.contains("worker_max_stuck_tasks"), "{}", worker.log()?);
    client.run("tasks.add", json!([1, 2]))?.success()?;
    Ok(())
}
