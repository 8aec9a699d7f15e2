//! `events`, beside upstream's dumper.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use celery_oxide_tests::said::Speaker;
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::Front;
use serde_json::{Value, json};

use super::support::worker;

/// Waits until `count` listen to all events. Workers listen to `worker.*` alone.
fn listening(scene: &Scene, count: usize) -> Result<()> {
    let body = json!({"type": "test-none", "hostname": "test", "timestamp": 1, "utcoffset": 0, "clock": 1});
    let envelope = json!({
        "body": body.to_string(), "content-type": "application/json", "content-encoding": "utf-8", "headers": {},
        "properties": {
            "delivery_info": {"exchange": "celeryev", "routing_key": "test.none"}, "delivery_tag": "tag",
        },
    });
    wait::until_true("them to listen", Duration::from_secs(30), || {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg("/0.celeryev/test.none").arg(envelope.to_string());
        Ok(publish.query::<usize>(&mut scene.redis.connect(0)?)? >= count)
    })
}

fn started(scene: &Scene, words: &[&str]) -> Result<Speaker> {
    Speaker::start(&mut scene.command("worker-cli", words), "")
}

#[test]
fn events_are_lines() -> Result<()> {
    let scene = Scene::open("operate")?;
    let mut client = scene.client()?;
    let _worker = worker(&scene, Front::Stock, "w1@here", &["-c", "1"])?;
    let tasks = ["--type", "task-*", "--limit", "6"];
    // The first turns events on, which the worker was not started with.
    let json = started(&scene, &[&["events", "-j", "-E"][..], &tasks].concat())?;
    let lines = started(&scene, &[&["events"][..], &tasks].concat())?;
    listening(&scene, 2)?;
    wait::until_true("events of tasks", Duration::from_secs(20), || {
        let said = scene.worker_cli(&["control", "enable_events", "-j"])?.json()?;
        Ok(said[0]["w1@here"]["ok"] == "task events already enabled")
    })?;
    let good = client.send("tasks.add", json!([1, 2]))?;
    client.get(&good, 20.0)?.success()?;
    let bad = client.send("tasks.fail", json!(["no"]))?;
    client.get(&bad, 20.0)?.failure()?;

    let json = json.end(Duration::from_secs(20))?.good()?;
    let events: Vec<Value> = json.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    let expected = ["received", "started", "succeeded", "received", "started", "failed"];
    ensure!(kinds == expected.map(|kind| format!("task-{kind}")), "{json}");
    ensure!(events[0]["name"] == "tasks.add" && events[0]["uuid"] == json!(good), "{json}");

    let lines = lines.end(Duration::from_secs(20))?.good()?;
    let after_the_time: Vec<&str> = lines.lines().filter_map(|line| line.get(13..)).collect();
    ensure!(
        after_the_time[0] == format!("w1@here task-received    tasks.add[{good}] [1, 2] {{}}"),
        "{lines}"
    );
    ensure!(after_the_time[1] == format!("w1@here task-started     tasks.add[{good}]"), "{lines}");
    let succeeded = format!("w1@here task-succeeded   tasks.add[{good}] in 0.");
    ensure!(after_the_time[2].starts_with(&succeeded) && after_the_time[2].ends_with("s: 3"), "{lines}");
    ensure!(
        after_the_time[5] == format!("w1@here task-failed      tasks.fail[{bad}]: ValueError('no', 1)"),
        "{lines}"
    );
    Ok(())
}

#[test]
fn the_dump_is_that_of_upstream() -> Result<()> {
    let scene = Scene::open("operate")?;
    let mut client = scene.client()?;
    let _worker = worker(&scene, Front::Stock, "w1@here", &["-c", "1", "-E"])?;
    let theirs = Speaker::start(&mut scene.command("celery", &["-A", "tasks", "events", "--dump"]), "")?;
    listening(&scene, 1)?;
    let ours = started(&scene, &["events", "--dump", "--type", "task-*", "--limit", "7"])?;
    listening(&scene, 2)?;
    for (task, args) in [("tasks.add", json!([1, 2])), ("tasks.fail", json!(["it's"]))] {
        let id = client.send(task, args)?;
        client.get(&id, 20.0)?;
    }
    // One more, so that upstream's has written all that ours counts.
    let last = client.send("tasks.add", json!([3, 4]))?;
    client.get(&last, 20.0)?.success()?;
    let ours = ours.end(Duration::from_secs(20))?.good()?;
    let theirs = interrupted(theirs)?;
    let mut ours = entries(&ours);
    let theirs: Vec<_> = entries(&theirs).into_iter().filter(|entry| entry.contains("] task ")).collect();
    ensure!(ours.remove(0) == "-> evdump: starting capture...\n");
    ensure!(ours.len() == 7 && theirs.len() >= 7, "ours: {ours:#?}\ntheirs: {theirs:#?}");
    for (our, their) in ours.iter().zip(&theirs) {
        ensure!(our == their, "\nours:   {our}\ntheirs: {their}");
    }
    Ok(())
}

/// Ends upstream's dumper, and gives what it wrote.
fn interrupted(speaker: Speaker) -> Result<String> {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = i32::try_from(speaker.pid()).ok().and_then(Pid::from_raw).context("a process id")?;
    kill_process(pid, Signal::INT)?;
    Ok(speaker.end(Duration::from_secs(20))?.out)
}

/// The events of a dump, with the lines of their tracebacks, without when they came.
fn entries(dump: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for line in dump.lines() {
        if line.starts_with("w1@here [") || line.starts_with("-> ") || entries.is_empty() {
            entries.push(String::new());
        }
        let line = line.split(", ").filter(|field| !field.starts_with("local_received="));
        if let Some(entry) = entries.last_mut() {
            entry.push_str(&line.collect::<Vec<_>>().join(", "));
            entry.push('\n');
        }
    }
    entries
}
