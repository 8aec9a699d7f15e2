//! Tasks that are not to run, or not on.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);
const OURS: &str = "ours@test";

fn revoke(client: &mut Client, arguments: Value) -> Result<Value> {
    client.call("probe:ask", json!(["control", "revoke", OURS, arguments]))
}

/// Waits until a stock client reads REVOKED for `reason`.
fn revoked(client: &mut Client, id: &str, reason: &str) -> Result<()> {
    let outcome = client.get(id, 20.0)?;
    let error = outcome.error.as_ref().map(|error| (error.kind.as_str(), &error.args));
    ensure!(
        outcome.state == "REVOKED" && error == Some(("TaskRevokedError", &json!([reason]))),
        "{id} is {outcome:?}"
    );
    Ok(())
}

#[test]
fn wherever_a_task_waits() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let worker = scene.worker(&["-n", OURS, "--loop-concurrency=1", "--sync-workers=1"])?;
    let runs = client.send("tasks.doze_async", json!([60, "runs"]))?;
    wait::until_true("it to start", SOON, || Ok(scene.notes("started")?.len() == 1))?;
    let limit = json!({"task_name": "tasks.stamp", "rate_limit": "1/h"});
    client.call("probe:ask", json!(["control", "rate_limit", OURS, limit]))?;
    let first = client.send("tasks.stamp", json!([]))?;
    client.get(&first, 20.0)?.success()?;
    let waiting = [
        client.send("tasks.doze_async", json!([60, "slot"]))?,
        client.send_with("tasks.add", json!([1, 2]), json!({"countdown": 50}))?,
        client.send("tasks.stamp", json!([]))?,
    ];
    wait::until_true("all to be received", SOON, || {
        Ok(waiting.iter().all(|id| worker.log().is_ok_and(|log| log.contains(id.as_str()))))
    })?;
    // Not here yet, and far ahead, so parked in the broker.
    let far = client.send_with("tasks.add", json!([1, 2]), json!({"countdown": 4000}))?;
    wait::until_true("it to be parked", SOON, || Ok(scene.parked()? == 1))?;
    revoke(&mut client, json!({"task_id": [waiting[0], waiting[1], waiting[2], far, "later", runs]}))?;
    for id in waiting.iter().chain([&far]) {
        revoked(&mut client, id, "revoked")?;
    }
    let later = client.send_with("tasks.add", json!([1, 2]), json!({"task_id": "later"}))?;
    wait::until_true("it to be discarded", SOON, || {
        Ok(worker.log()?.contains("Discarding revoked task: tasks.add[later]"))
    })?;
    revoked(&mut client, &later, "revoked")?;
    // What runs goes on, and what it gives counts.
    ensure!(client.state(&runs)? == "PENDING");
    wait::until_true("nothing but the parked one to be held", SOON, || Ok(scene.unacked()? == 1))?;
    ensure!(scene.notes("started")?.len() == 1, "{:?}", scene.notes("started")?);
    Ok(())
}

#[test]
fn terminate_cancels_a_coroutine_and_interrupts_a_function() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", OURS, "--loop-concurrency=1", "--sync-workers=1"])?;
    let ids = [
        client.send("tasks.doze_async", json!([60, "coroutine"]))?,
        client.send("tasks.doze", json!([60, "function"]))?,
    ];
    wait::until_true("both to start", SOON, || Ok(scene.notes("started")?.len() == 2))?;
    let answer = revoke(&mut client, json!({"task_id": ids, "terminate": true, "signal": "SIGKILL"}))?;
    ensure!(answer["ok"].as_str().is_some_and(|text| text.starts_with("terminate: ")), "{answer}");
    for id in &ids {
        revoked(&mut client, id, "terminated")?;
    }
    wait::until_true("both to have seen it", SOON, || Ok(scene.notes("raised")?.len() == 2))?;
    let mut raised = scene.notes("raised")?;
    raised.sort();
    ensure!(raised == ["coroutine CancelledError", "function Terminated"], "{raised:?}");
    // Their slots are free.
    client.run("tasks.add", json!([1, 2]))?.success()?;
    client.run("tasks.add_async", json!([1, 2]))?.success()?;
    Ok(())
}

#[test]
fn a_late_result_does_not_overwrite_it() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", OURS, "--loop-concurrency=1"])?;
    let id = client.send("tasks.stubborn", json!([1.5]))?;
    wait::until_true("it to start", SOON, || Ok(scene.notes("started")?.len() == 1))?;
    revoke(&mut client, json!({"task_id": id, "terminate": true}))?;
    revoked(&mut client, &id, "terminated")?;
    wait::until_true("it to end all the same", SOON, || Ok(scene.notes("finished")?.len() == 1))?;
    // What it sends after that is behind whatever it could have stored.
    client.run("tasks.add_async", json!([1, 2]))?.success()?;
    revoked(&mut client, &id, "terminated")?;
    Ok(())
}

#[test]
fn by_stamp() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let worker = scene.worker(&["-n", OURS, "--loop-concurrency=2"])?;
    let send = |client: &mut Client, seconds: u32, shop: &str| -> Result<String> {
        let id =
            client.call("probe:stamped", json!(["tasks.doze_async", [seconds, shop], {"shop": shop}]))?;
        Ok(id.as_str().unwrap_or_default().to_owned())
    };
    let runs = send(&mut client, 60, "a")?;
    let stays = send(&mut client, 60, "b")?;
    wait::until_true("both to start", SOON, || Ok(scene.notes("started")?.len() == 2))?;
    let waits = send(&mut client, 60, "a")?;
    wait::until_true("it to be received", SOON, || Ok(worker.log()?.contains(&waits)))?;
    let headers = json!({"headers": {"shop": ["a"]}, "terminate": true});
    client.call("probe:ask", json!(["control", "revoke_by_stamped_headers", OURS, headers]))?;
    revoked(&mut client, &runs, "terminated")?;
    revoked(&mut client, &waits, "revoked")?;
    ensure!(worker.log()?.contains("(revoked by header: {'shop': ['a']})"), "{}", worker.log()?);
    ensure!(client.state(&stays)? == "PENDING");
    let later = send(&mut client, 60, "a")?;
    revoked(&mut client, &later, "revoked")?;
    // Stamps need not be strings.
    let headers = json!({"headers": {"shop": [7, "c"]}});
    client.call("probe:ask", json!(["control", "revoke_by_stamped_headers", OURS, headers]))?;
    let number = client.call("probe:stamped", json!(["tasks.doze_async", [60, "seven"], {"shop": 7}]))?;
    revoked(&mut client, number.as_str().unwrap_or_default(), "revoked")?;
    Ok(())
}

#[test]
fn it_is_remembered_in_the_state_db_which_a_stock_worker_reads() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let folder = celery_oxide_tests::paths::scratch("state-")?;
    let file = folder.path().join("worker.state").display().to_string();
    let mut worker = scene.worker(&["-n", OURS, "--statedb", &file])?;
    revoke(&mut client, json!({"task_id": ["one", "two"]}))?;
    ensure!(worker.terminate(SOON)? == 0);
    let mut again = scene.worker(&["-n", OURS, "--statedb", &file])?;
    let known = client.call("probe:ask", json!(["inspect", "revoked", OURS, {}]))?;
    ensure!(known == json!(["one", "two"]), "{known}");
    ensure!(again.terminate(SOON)? == 0);
    let stock = scene.worker_spec().front(celery_oxide_tests::worker::Front::Stock);
    let _stock = stock.args(&["-n", OURS, "-c", "1", "--statedb", &file]).start()?;
    let known = wait::until("the stock worker to answer", SOON, || {
        let known = client.call("probe:ask", json!(["inspect", "revoked", OURS, {}]))?;
        Ok((!known.is_null()).then_some(known))
    })?;
    ensure!(known == json!(["one", "two"]), "{known}");
    Ok(())
}

#[test]
fn a_task_that_has_begun_or_ended_keeps_its_state() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", OURS])?;
    let done = client.send("tasks.add", json!([1, 2]))?;
    client.get(&done, 20.0)?.success()?;
    revoke(&mut client, json!({"task_id": [done, "unknown"]}))?;
    revoked(&mut client, "unknown", "revoked")?;
    ensure!(client.state(&done)? == "SUCCESS");
    Ok(())
}

#[test]
fn the_chord_of_a_revoked_part_fails() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", OURS, "--loop-concurrency=4"])?;
    let parts = json!([[["tasks.add", [1, 2]], ["tasks.doze_async", [60, "part"]]], "tasks.collect"]);
    let sent = client.call("probe:chord", parts)?;
    wait::until_true("the part to start", SOON, || Ok(scene.notes("started")?.len() == 1))?;
    revoke(&mut client, json!({"task_id": sent["parts"][1], "terminate": true}))?;
    let body = sent["body"].as_str().unwrap_or_default();
    let failure = client.get(body, 20.0)?;
    ensure!(failure.state == "FAILURE", "{failure:?}");
    ensure!(failure.error.is_some_and(|error| error.kind == "ChordError"));
    Ok(())
}

#[test]
fn the_chord_of_an_overlong_part_fails() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&["-n", OURS, "--loop-concurrency=4"])?;
    let parts = json!([[["tasks.add", [1, 2]], ["tasks.overlong", []]], "tasks.collect"]);
    let sent = client.call("probe:chord", parts)?;
    let failure = client.get(sent["body"].as_str().unwrap_or_default(), 20.0)?;
    ensure!(failure.state == "FAILURE", "{failure:?}");
    Ok(())
}

#[test]
fn a_worker_that_starts_or_was_cut_off_asks_the_others() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut client = scene.client()?;
    let stock = scene.worker_spec().front(celery_oxide_tests::worker::Front::Stock);
    let stock = stock.args(&["-n", "stock@test", "-c", "1", "-Q", "other"]).start()?;
    let alone = json!(["control", "revoke", "stock@test", {"task_id": "before"}]);
    wait::until_true("the stock worker to answer", SOON, || {
        Ok(!client.call("probe:ask", alone.clone())?.is_null())
    })?;
    let ours = scene.worker(&["-n", OURS])?;
    ensure!(ours.log()?.contains("mingle: sync with 1 nodes"), "{}", ours.log()?);
    let revoked = json!(["inspect", "revoked", OURS, {}]);
    ensure!(client.call("probe:ask", revoked.clone())? == json!(["before"]));
    // A stock worker that starts later asks us.
    revoke(&mut client, json!({"task_id": "here"}))?;
    drop(stock);
    let stock = scene.worker_spec().front(celery_oxide_tests::worker::Front::Stock);
    let _stock = stock.args(&["-n", "stock@test", "-c", "1", "-Q", "other"]).start()?;
    let theirs = wait::until("the stock worker to answer", SOON, || {
        let ids = client.call("probe:ask", json!(["inspect", "revoked", "stock@test", {}]))?;
        Ok((!ids.is_null()).then_some(ids))
    })?;
    ensure!(theirs == json!(["before", "here"]), "{theirs}");
    // Cut off from the broker while the other learns of one more.
    let mut redis = scene.redis.connect(0)?;
    let ids: Vec<String> = redis::cmd("CLIENT")
        .arg("LIST")
        .query::<String>(&mut redis)?
        .lines()
        .filter(|line| line.contains(&format!("name={OURS}")))
        .filter_map(|line| Some(line.strip_prefix("id=")?.split(' ').next()?.to_owned()))
        .collect();
    ensure!(!ids.is_empty(), "no connection is named after the worker");
    client.call("probe:tell", json!(["revoke", {"task_id": "meanwhile"}, ["stock@test"]]))?;
    for id in ids {
        redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).query::<i64>(&mut redis)?;
    }
    wait::until_true("it to be known here", SOON, || {
        let known = client.call("probe:ask", revoked.clone())?;
        Ok(known.as_array().is_some_and(|ids| ids.contains(&json!("meanwhile"))))
    })
}
