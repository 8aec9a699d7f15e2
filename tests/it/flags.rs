//! The options, as upstream spells them.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::worker::Front;
use celery_oxide_tests::{paths, wait};
use serde_json::json;

#[test]
fn queues_are_selected_and_excluded() -> Result<()> {
    let mut scene = Scene::open("basic")?;
    scene.set_env("QUEUES", "celery,elsewhere,third");
    let mut client = scene.client()?;
    let options = json!({"queue": "elsewhere"});
    let elsewhere = client.send_with("tasks.add", json!([1, 1]), options)?;
    let third = client.send_with("tasks.add", json!([1, 2]), json!({"queue": "third"}))?;
    let usual = client.send("tasks.add", json!([1, 3]))?;

    let mut worker = scene.worker(&["-Q", "elsewhere"])?;
    ensure!(client.get(&elsewhere, 10.0)?.success()? == json!(2));
    ensure!(client.states(&[third.clone(), usual.clone()])? == json!({"PENDING": 2}));
    ensure!(worker.terminate(Duration::from_secs(10))? == 0);

    let mut worker = scene.worker(&["-X", "third"])?;
    ensure!(client.get(&usual, 10.0)?.success()? == json!(4));
    ensure!(client.state(&third)? == "PENDING");
    ensure!(worker.terminate(Duration::from_secs(10))? == 0);

    let _worker = scene.worker(&["-Q", "celery,third"])?;
    ensure!(client.get(&third, 10.0)?.success()? == json!(3));
    Ok(())
}

#[test]
fn node_name_expands_and_is_seen_by_tasks() -> Result<()> {
    let scene = Scene::open("basic")?;
    let worker = scene.worker(&["-n", "w1@%h"])?;
    let log = worker.log()?;
    let ready = log.lines().find(|line| line.contains("ready.")).unwrap_or_default();
    ensure!(ready.contains("w1@") && !ready.contains('%'), "{ready}");
    Ok(())
}

#[test]
fn concurrency_alone_sets_the_sync_workers() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-c", "3"])?;
    for n in 0..6 {
        client.send("tasks.doze", json!([1.5, format!("doze-{n}")]))?;
    }
    wait::until_true("three to start", Duration::from_secs(10), || Ok(scene.notes("started")?.len() >= 3))?;
    let (started, finished) = (scene.notes("started")?.len(), scene.notes("finished")?.len());
    ensure!(started - finished.min(started) <= 3, "{started} started while {finished} had finished");
    Ok(())
}

#[test]
fn sync_workers_beat_concurrency() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-c", "1", "--sync-workers=2"])?;
    for n in 0..2 {
        client.send("tasks.doze", json!([2, format!("doze-{n}")]))?;
    }
    wait::until_true("both to run at once", Duration::from_secs(10), || {
        Ok(scene.notes("started")?.len() == 2 && scene.notes("finished")?.is_empty())
    })
}

#[test]
fn logfile_and_pidfile() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let scratch = paths::scratch("files-")?;
    let log = scratch.path().join("worker.log");
    let pid = scratch.path().join("worker.pid");
    let options = [format!("--logfile={}", log.display()), format!("--pidfile={}", pid.display())];
    let mut worker = scene.worker_spec().args(&[&options[0], &options[1]]).spawn()?;
    wait::until_true("the log file to say ready", Duration::from_secs(30), || {
        Ok(std::fs::read_to_string(&log).is_ok_and(|text| text.contains("ready.")))
    })?;
    ensure!(std::fs::read_to_string(&pid)?.trim() == worker.pid().to_string());
    let id = client.send("tasks.add", json!([1, 2]))?;
    client.get(&id, 10.0)?.success()?;
    wait::until_true("the log file to have the task", Duration::from_secs(5), || {
        Ok(std::fs::read_to_string(&log)?.contains(&format!("[{id}] succeeded in")))
    })?;

    // A second worker must not take the pidfile of the first.
    let (code, output) = scene.worker_spec().args(&[&options[1]]).run(Duration::from_secs(20))?;
    ensure!(code != 0 && output.contains("worker.pid"), "exit code {code}:\n{output}");

    ensure!(worker.terminate(Duration::from_secs(10))? == 0);
    ensure!(!pid.exists(), "the pidfile stays");
    Ok(())
}

#[test]
fn purge_empties_the_queues_first() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(client.send("tasks.add", json!([1, 2]))?);
    }
    let _worker = scene.worker(&["--purge"])?;
    ensure!(client.run("tasks.add", json!([2, 2]))?.success()? == json!(4));
    ensure!(client.states(&ids)? == json!({"PENDING": 5}), "{}", client.states(&ids)?);
    Ok(())
}

#[test]
fn global_options_select_app_broker_backend_and_folder() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let elsewhere = paths::scratch("elsewhere-")?;
    for front in [Front::WorkerCli, Front::Celery] {
        let app = paths::app("basic").display().to_string();
        let (broker, backend) = (scene.redis.url(0), scene.redis.url(1));
        let global = ["-b", &broker, "--result-backend", &backend, "--workdir", &app, "-C"];
        let mut worker = scene
            .worker_spec()
            .folder(elsewhere.path())
            .front(front)
            .app(Some("tasks:app"))
            .env("BROKER_URL", "redis://127.0.0.1:1/0")
            .env("RESULT_URL", "redis://127.0.0.1:1/0")
            .global(&global)
            .start()?;
        let seen = client.run("tasks.environment", json!([]))?.success()?;
        ensure!(seen["cwd"] == json!(app), "{front:?}: {seen}");
        ensure!(!worker.log()?.contains('\u{1b}'), "colours in spite of -C");
        ensure!(worker.terminate(Duration::from_secs(10))? == 0);
    }
    Ok(())
}

#[test]
fn included_modules_are_loaded() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-I", "extra"])?;
    ensure!(client.run("extra.included", json!([]))?.success()? == json!("included"));
    Ok(())
}

#[test]
fn switches_without_effect_here_are_accepted() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    for front in [Front::WorkerCli, Front::Celery] {
        let options =
            ["-E", "--without-gossip", "--without-mingle", "--without-heartbeat", "--prefetch-multiplier=2"];
        let mut worker = scene.worker_spec().front(front).args(&options).start()?;
        ensure!(client.run("tasks.add", json!([1, 2]))?.success()? == json!(3));
        ensure!(worker.terminate(Duration::from_secs(10))? == 0, "{front:?}");
        let log = worker.log()?;
        let mut warnings = log.lines().filter(|line| line.contains("WARNING") && line.contains("no effect"));
        // What upstream's command fills in by itself is no wish of the user's.
        ensure!(warnings.all(|line| line.contains("-E")), "{front:?}: an option that was not given:\n{log}");
    }
    Ok(())
}

#[test]
fn stock_options_that_mean_nothing_here_are_warned_of_once() -> Result<()> {
    let scene = Scene::open("basic")?;
    let mut client = scene.client()?;
    let options = [
        ("-P", vec!["-P", "prefork"]),
        ("-O", vec!["-O", "fair"]),
        ("--autoscale", vec!["--autoscale=10,3"]),
        ("--max-tasks-per-child", vec!["--max-tasks-per-child=100"]),
        ("--max-memory-per-child", vec!["--max-memory-per-child=100000"]),
    ];
    let words: Vec<&str> = options.iter().flat_map(|(_, words)| words.iter().copied()).collect();
    for front in [Front::WorkerCli, Front::Celery] {
        let worker = scene.worker_spec().front(front).args(&words).start()?;
        ensure!(client.run("tasks.add_async", json!([1, 2]))?.success()? == json!(3));
        let log = worker.log()?;
        for (name, _) in &options[2..] {
            let lines = log.lines().filter(|line| line.contains("WARNING") && line.contains(name)).count();
            ensure!(lines == 1, "{front:?}: {lines} warnings about {name}:\n{log}");
        }
    }
    Ok(())
}

#[test]
fn settings_of_the_app_set_the_slots() -> Result<()> {
    let mut scene = Scene::open("basic")?;
    let settings = json!({"worker_sync_workers": 1, "worker_loop_workers": 1, "worker_loop_concurrency": 1});
    scene.set_env("SETTINGS", &settings.to_string());
    let mut client = scene.client()?;
    for front in [Front::WorkerCli, Front::Celery] {
        let mut worker = scene.worker_spec().front(front).start()?;
        for task in ["tasks.doze", "tasks.doze_async"] {
            let timeline = format!("{front:?} {task}");
            let mut ids = Vec::new();
            for _ in 0..3 {
                ids.push(client.send(task, json!([0.3, timeline]))?);
            }
            for id in &ids {
                client.get(id, 10.0)?.success()?;
            }
            // One slot: each ends before the next one starts.
            let seen = scene.notes(&timeline)?;
            ensure!(seen == ["started", "finished"].repeat(3), "{timeline}: {seen:?}");
        }
        ensure!(worker.terminate(Duration::from_secs(10))? == 0);
    }
    Ok(())
}

#[test]
fn help_and_version() -> Result<()> {
    let scene = Scene::open("basic")?;
    let output = scene.venv.command("worker-cli").args(["worker", "--help"]).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{output:?}");
    for option in [
        "--loop-workers",
        "--loop-concurrency",
        "--sync-workers",
        "--hostname",
        "--queues",
        "--exclude-queues",
        "--include",
        "--loglevel",
        "--logfile",
        "--concurrency",
        "--task-events",
        "--prefetch-multiplier",
        "--time-limit",
        "--soft-time-limit",
        "--purge",
        "--pidfile",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ] {
        ensure!(text.contains(option), "{option} is not in the help:\n{text}");
    }
    let output = scene.venv.command("worker-cli").arg("--version").output()?;
    ensure!(output.status.success(), "{output:?}");
    let mut help = scene.venv.command("celery");
    let output = help.args(["-A", "tasks", "worker", "--help"]).current_dir(paths::app("basic")).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(text.contains("--loop-concurrency"), "our options are not in upstream's help:\n{text}");
    Ok(())
}
