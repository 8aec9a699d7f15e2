//! `call`, `result`, `purge` and `list`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::said::Said;
use celery_oxide_tests::scene::{BACKEND, Scene};
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::Front;
use serde_json::{Value, json};

use super::support::{stock, worker};

/// `worker-cli` with the result backend named.
fn result(scene: &Scene, words: &[&str]) -> Result<Said> {
    let url = scene.redis.url(1);
    scene.worker_cli(&[&["--result-backend", &url, "result"][..], words].concat())
}

fn call(scene: &Scene, words: &[&str]) -> Result<String> {
    let said = scene.worker_cli(&[&["call"][..], words].concat())?.good()?;
    Ok(said.trim_end().to_owned())
}

#[test]
fn a_task_is_called_and_its_result_is_shown() -> Result<()> {
    let mut scene = Scene::open("operate")?;
    scene.set_env("SETTINGS", &json!({"accept_content": ["json", "yaml", "msgpack"]}).to_string());
    let mut client = scene.client()?;
    let id = call(&scene, &["tasks.add", "--args", "[1, 2]"])?;
    ensure!(uuid::Uuid::parse_str(&id).is_ok(), "{id}");
    let waiting = result(&scene, &[&id, "--timeout", "0.1"])?;
    ensure!(waiting.code == 1 && waiting.err.ends_with("within 0.1 s: it is PENDING\n"), "{waiting:?}");

    let _worker = worker(&scene, Front::Stock, "w1@here", &["-c", "1"])?;
    ensure!(result(&scene, &[&id])?.good()? == "3\n");
    for serializer in ["yaml", "msgpack"] {
        let kwargs = r#"{"x": 2, "y": 3}"#;
        let id = call(&scene, &["tasks.add", "-k", kwargs, "--serializer", serializer])?;
        ensure!(result(&scene, &[&id])?.good()? == "5\n", "{serializer}");
    }
    // As upstream prints it.
    let id = call(&scene, &["tasks.shown"])?;
    let ours = result(&scene, &[&id])?.good()?;
    ensure!(stock(&mut client, &["result", &id])? == (0, ours.clone()), "{ours}");
    let stored = result(&scene, &[&id, "-j"])?.json()?;
    ensure!(stored == client.meta(&id)?, "{stored}");

    let id = call(&scene, &["tasks.fail", "-a", r#"["it's"]"#])?;
    let failed = result(&scene, &[&id])?;
    ensure!(failed.code == 1 && failed.out.is_empty(), "{failed:?}");
    ensure!(failed.err == format!("error: task {id} is FAILURE: ValueError(\"it's\", 1)\n"), "{failed:?}");
    let json = result(&scene, &[&id, "-j"])?;
    ensure!(json.code == 1 && serde_json::from_str::<Value>(&json.out)?["status"] == "FAILURE", "{json:?}");
    let ours = result(&scene, &[&id, "--traceback"])?.good()?;
    ensure!(ours.starts_with("Traceback (most recent call last):") && ours.contains("ValueError"), "{ours}");
    ensure!(stock(&mut client, &["result", "--traceback", &id])?.1.trim_end() == ours.trim_end());
    let none = result(&scene, &["unknown", "--traceback"])?;
    ensure!(none.code == 0 && none.err == "unknown is PENDING and has no traceback\n", "{none:?}");
    Ok(())
}

#[test]
fn a_task_is_called_for_later() -> Result<()> {
    let scene = Scene::open("operate")?;
    let _worker = worker(&scene, Front::Stock, "w1@here", &["-c", "1"])?;
    let later = call(&scene, &["tasks.add", "-a", "[1, 2]", "--countdown", "3600"])?;
    let far = call(&scene, &["tasks.add", "-a", "[1, 2]", "--eta", "2999-01-02T03:04:05"])?;
    let scheduled = wait::until("both to wait for their ETA", Duration::from_secs(20), || {
        let scheduled = scene.worker_cli(&["inspect", "scheduled", "-j"])?.json()?;
        Ok(Some(scheduled["w1@here"].clone())
            .filter(|tasks| tasks.as_array().is_some_and(|tasks| tasks.len() == 2)))
    })?;
    let eta = |id: &str| {
        let tasks = scheduled.as_array().into_iter().flatten();
        tasks
            .filter(|task| task["request"]["id"] == id)
            .find_map(|task| task["eta"].as_str())
            .map(str::to_owned)
    };
    ensure!(eta(&far).as_deref() == Some("2999-01-02T03:04:05+00:00"), "{scheduled}");
    ensure!(eta(&later).context("an ETA")?.starts_with("20"), "{scheduled}");
    let expired = call(&scene, &["tasks.add", "-a", "[1, 2]", "--expires", "2020-01-01"])?;
    let said = result(&scene, &[&expired])?;
    ensure!(said.code == 1 && said.err.contains("is REVOKED: TaskRevokedError('expired')"), "{said:?}");
    Ok(())
}

#[test]
fn a_task_goes_where_the_app_or_the_options_say() -> Result<()> {
    let scene = Scene::open("operate")?;
    call(&scene, &["tasks.routed"])?;
    call(&scene, &["tasks.routed", "--queue", "given"])?;
    call(&scene, &["tasks.routed", "-o", "task_default_queue=usual"])?;
    call(&scene, &["tasks.routed", "--exchange", "", "--routing-key", "keyed"])?;
    ensure!(
        ["celery", "given", "usual", "keyed"].iter().all(|queue| scene.queued(queue).is_ok_and(|n| n == 1))
    );
    for words in [&["tasks.routed"][..], &["tasks.routed", "--queue", "chosen"]] {
        let said = scene.worker_cli(&[&["-A", "tasks", "call"][..], words].concat())?.good()?;
        ensure!(uuid::Uuid::parse_str(said.trim_end()).is_ok(), "{said}");
    }
    ensure!(scene.queued("elsewhere")? == 1 && scene.queued("chosen")? == 1);
    // The priority of the route puts it into another list.
    let length: usize =
        redis::cmd("LLEN").arg("elsewhere\u{6}\u{16}3").query(&mut scene.redis.connect(0)?)?;
    ensure!(length == 1);
    Ok(())
}

#[test]
fn queues_are_purged() -> Result<()> {
    let mut scene = Scene::open("operate")?;
    let queues = json!({"task_queues": {"celery": {}, "elsewhere": {}, "kept": {}}});
    scene.set_env("SETTINGS", &queues.to_string());
    let mut client = scene.client()?;
    let fill = |client: &mut Client| -> Result<()> {
        for queue in ["celery", "celery", "elsewhere", "kept", "unknown"] {
            client.send_with("tasks.add", json!([1, 2]), json!({"queue": queue, "priority": 7}))?;
        }
        Ok(())
    };
    let queued = |queue| scene.queued(queue);
    fill(&mut client)?;
    let refused = scene.worker_cli(&["purge"])?;
    ensure!(refused.code == 2 && refused.err.contains("say that you mean it with -f"), "{refused:?}");
    ensure!(scene.worker_cli(&["purge", "-f"])?.good()? == "Purged 2 messages from 1 known task queue.\n");
    ensure!(queued("celery")? == 0 && queued("elsewhere")? == 1);
    ensure!(scene.worker_cli(&["purge", "-f"])?.good()? == "No messages purged from 1 queue.\n");
    let said = scene.worker_cli(&["purge", "-f", "-j", "-Q", "unknown,none"])?.json()?;
    ensure!(said == json!({"none": 0, "unknown": 1}), "{said}");
    let said = scene.worker_cli(&["-A", "tasks", "purge", "-f", "-X", "kept"])?.good()?;
    ensure!(said == "Purged 1 message from 2 known task queues.\n" && queued("kept")? == 1, "{said}");

    // Upstream says the same.
    let said = scene.worker_cli(&["purge", "-f", "-Q", "kept"])?.good()?;
    fill(&mut client)?;
    let theirs = stock(&mut client, &["purge", "-f", "-Q", "kept"])?;
    ensure!(theirs == (0, said.clone()), "{theirs:?} {said}");
    Ok(())
}

#[test]
fn bindings_are_listed() -> Result<()> {
    let scene = Scene::open("operate")?;
    let none = scene.worker_cli(&["list", "bindings"])?;
    ensure!(
        none.code == 0 && none.out.is_empty() && none.err == "no queue is bound to an exchange\n",
        "{none:?}"
    );
    let _worker = worker(&scene, Front::Stock, "w1@here", &["-c", "1", "-Q", "work"])?;
    let table = scene.worker_cli(&["list", "bindings"])?.good()?;
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    ensure!(rows[0] == ["QUEUE", "EXCHANGE", "ROUTING", "KEY"], "{table}");
    ensure!(rows.contains(&vec!["work", "work", "work"]), "{table}");
    ensure!(rows.contains(&vec!["w1@here.celery.pidbox", "celery.pidbox"]), "{table}");
    let json = scene.worker_cli(&["list", "bindings", "-j"])?.json()?;
    let work = json!({"queue": "work", "exchange": "work", "routing_key": "work"});
    ensure!(json.as_array().is_some_and(|bindings| bindings.contains(&work)), "{json}");
    Ok(())
}

#[test]
fn the_app_says_where_its_results_are() -> Result<()> {
    let scene = Scene::open("operate")?;
    let _worker = worker(&scene, Front::Stock, "w1@here", &["-c", "1"])?;
    let id = call(&scene, &["tasks.add", "-a", "[20, 22]"])?;
    ensure!(scene.worker_cli(&["-A", "tasks", "result", &id])?.good()? == "42\n");
    let nowhere = scene.worker_cli(&["result", &id])?;
    ensure!(
        nowhere.code == 2 && nowhere.err.starts_with("error: no result backend: give --result-backend"),
        "{nowhere:?}"
    );
    let mut elsewhere = scene.command("worker-cli", &["-A", "tasks", "result", &id]);
    elsewhere.env(BACKEND, "cache+memory://");
    let said = Said::by(&mut elsewhere, "")?;
    ensure!(said.code == 2 && said.err.contains("in a form that only Python reads"), "{said:?}");
    Ok(())
}
