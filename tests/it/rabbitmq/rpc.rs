//! Results by messages: workers publish them, a stock client and ours read them.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use celery_client::{Client, Error, Signature, Task, chord, group};
use celery_oxide_tests::scene::{BACKEND, Scene};
use celery_oxide_tests::worker::Front;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);
const MANY: usize = 1000;
const GIVE: Task<(i64,), i64> = Task::new("tasks.give");

fn scene() -> Result<Scene> {
    let mut scene = Scene::open_on_rabbitmq("rpc")?;
    scene.set_env(BACKEND, "rpc://");
    Ok(scene)
}

#[test]
fn a_stock_client_reads_many_results() -> Result<()> {
    let scene = scene()?;
    let mut client = scene.client()?;
    let mut worker = scene.worker(&[])?;
    for task in ["tasks.give", "tasks.give_async"] {
        let args: Vec<Value> = (0..MANY).map(|number| json!([number])).collect();
        let ids = client.send_all(task, &args)?;
        for (number, id) in ids.iter().enumerate() {
            ensure!(client.get(id, 60.0)?.success()? == json!(number), "{task} {number}");
        }
    }
    ensure!(worker.terminate(SOON)? == 0);
    let log = worker.log()?;
    ensure!(!log.contains("ERROR") && !log.contains("was dropped"), "{log}");
    Ok(())
}

#[test]
fn a_stock_client_reads_failures_and_what_follows_a_task() -> Result<()> {
    let scene = scene()?;
    let mut client = scene.client()?;
    let _worker = scene.worker(&[])?;
    for task in ["tasks.refuse", "tasks.refuse_async"] {
        let outcome = client.run(task, json!([]))?;
        let traceback = outcome.traceback.clone().unwrap_or_default();
        ensure!(traceback.trim_end().ends_with("Refused: ('too late', 410)"), "{traceback}");
        let error = outcome.failure()?;
        ensure!(error.kind == "Refused" && error.args == json!(["too late", 410]), "{error:?}");
    }
    let unknown = client.run("tasks.nothing", json!([]))?.failure()?;
    ensure!(unknown.kind == "NotRegistered", "{unknown:?}");
    let seen = client.call("seen:canvases", json!([]))?;
    ensure!(seen == json!([1, [0, 1, 2, 3, 4]]), "{seen}");
    let raised = client.call("seen:broken_chain", json!([]))?;
    ensure!(raised == json!(["too late", 410]), "{raised}");
    Ok(())
}

#[test]
fn states_come_in_their_order_and_ignored_results_do_not() -> Result<()> {
    let scene = scene()?;
    let worker = scene.worker(&["--sync-workers=1"])?;
    let mut client = scene.client()?;
    let retried = client.call("seen:retried", json!([]))?;
    let states = ["STARTED", "RETRY", "STARTED", "RETRY", "STARTED", "SUCCESS"];
    ensure!(retried == json!({"states": states, "value": 2}), "{retried}");
    let progressed = client.call("seen:progressed", json!([]))?;
    ensure!(progressed == json!({"states": ["PROGRESS", "SUCCESS"], "value": "all"}), "{progressed}");
    let ignored = client.call("seen:ignored", json!([]))?;
    ensure!(ignored == json!([]), "messages that nobody wants: {ignored}");

    // A client that is gone is no reason to complain.
    client.call("seen:leave", json!([]))?;
    drop(client);
    let mut other = scene.client()?;
    ensure!(other.run("tasks.give", json!([5]))?.success()? == json!(5));
    let log = worker.log()?;
    ensure!(!log.contains("was dropped") && !log.contains("ERROR"), "{log}");
    Ok(())
}

/// The message of a result as the engine makes it, and as a stock worker does.
#[test]
fn the_message_is_that_of_a_stock_worker() -> Result<()> {
    let mut seen = Vec::new();
    for front in [Front::Stock, Front::WorkerCli] {
        let scene = scene()?;
        let _worker = scene.worker_spec().front(front).start()?;
        seen.push(scene.client()?.call("seen:properties", json!([]))?);
    }
    ensure!(seen[0] == seen[1], "stock: {}\nours: {}", seen[0], seen[1]);
    ensure!(seen[1]["mine"] == json!(true) && seen[1]["delivery_mode"] == json!(1), "{}", seen[1]);
    Ok(())
}

fn with_client(front: Front, test: impl AsyncFnOnce(&mut Scene, Client) -> Result<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let mut scene = scene()?;
        let url = scene.node()?.url();
        // Before there is a worker, and so a queue.
        let client = Client::connect(&url).await?;
        let first = client.send(GIVE.call((1,))).await?;
        let _worker = scene.worker_spec().front(front).args(&["-n", "w@test", "-c", "2"]).start()?;
        assert_eq!(first.get(SOON).await?, 1);
        test(&mut scene, client).await
    })
}

async fn sends_and_reads(_: &mut Scene, client: Client) -> Result<()> {
    let calls = (0..MANY as i64).map(|number| GIVE.call((number,)));
    let handles = client.send_all(calls).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    for (number, handle) in handles.iter().enumerate() {
        assert_eq!(handle.get(SOON).await?, number as i64);
    }
    match client.send(Signature::new("tasks.refuse")).await?.get(SOON).await {
        Err(Error::Task(failure)) => assert_eq!(failure.exception.exc_type, "Refused"),
        other => bail!("{other:?}"),
    }
    let give = |number: i64| Signature::from(GIVE.call((number,)));
    let steps: i64 = client.send(give(7) | Signature::new("tasks.give")).await?.typed().get(SOON).await?;
    let members: Vec<i64> = client.send(group((0..9).map(give))).await?.typed().get(SOON).await?;
    assert_eq!((steps, members), (7, (0..9).collect()));
    let refused = client.send(chord([give(1), give(2)], Signature::new("tasks.give"))).await;
    ensure!(refused.is_err_and(|error| error.to_string().contains("chords")), "a chord was sent");
    let late = client.send(Signature::new("tasks.slow").args((0.0,)).countdown(Duration::from_secs(1)));
    let late: String = late.await?.typed().get(SOON).await?;
    assert_eq!(late, "slow");

    let pings = client.workers().ping().await?;
    assert_eq!(pings.keys().collect::<Vec<_>>(), ["w@test"]);
    let registered = client.workers().registered([""; 0]).await?;
    let knows = |tasks: &Vec<String>| tasks.iter().any(|task| task.starts_with("tasks.give"));
    ensure!(registered.values().flatten().any(knows), "{registered:?}");
    let revoked = client.send(GIVE.call((1,)).countdown(Duration::from_secs(3600))).await?;
    revoked.revoke().await?;
    Ok(())
}

#[test]
fn our_client_and_our_worker() -> Result<()> {
    with_client(Front::WorkerCli, sends_and_reads)
}

#[test]
fn our_client_and_a_stock_worker() -> Result<()> {
    with_client(Front::Stock, sends_and_reads)
}

/// Neither the worker's results nor the client's queue are lost with their connections.
#[test]
fn our_client_across_lost_connections() -> Result<()> {
    with_client(Front::WorkerCli, async |scene, client| {
        let calls = (0..MANY as i64).map(|number| GIVE.call((number,)));
        let handles = client.send_all(calls).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        for _ in 0..3 {
            scene.node()?.close_connections()?;
        }
        for (number, handle) in handles.iter().enumerate() {
            assert_eq!(handle.get(SOON).await?, number as i64, "{number}");
        }
        Ok(())
    })
}
