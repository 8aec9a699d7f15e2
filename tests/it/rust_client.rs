//! `celery-client` beside Python's: the same canvases, the same results, on a stock worker.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use celery_client::protocol::{State, json::Typed};
use celery_client::{Client, Error, Signature, Task, chain, chord, group};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::worker::{Front, WorkerProcess};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::specs::{Specs, build};

const SOON: Duration = Duration::from_secs(30);
const ADD: Task<(i64, i64), i64> = Task::new("tasks.add");

/// Canvases that Celery 5.7 does not finish, whoever sends them: chords whose header ends in a group of chords.
const STOCK_HANGS: [u64; 2] = [67, 179];

/// A stock worker, and a client in Rust.
async fn open(scene: &Scene) -> Result<(WorkerProcess, Client)> {
    let worker = scene.worker_spec().front(Front::Stock).args(&["-c", "3"]).start()?;
    let client = Client::builder(scene.redis.url(0)).results(scene.redis.url(1)).connect().await?;
    Ok((worker, client))
}

fn with_client<T>(test: impl AsyncFnOnce(&Scene, Client) -> Result<T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let scene = Scene::open("client")?;
        let (_worker, client) = open(&scene).await?;
        test(&scene, client).await
    })
}

#[test]
fn canvases_from_rust_read_as_those_from_python() -> Result<()> {
    with_client(async |scene, client| {
        let mut python = scene.client()?;
        // What is sent is what Celery 5.7 sends. Before it deeper ones were built and frozen in other ways.
        let is_5_7 = python.call("producer:version", json!([]))? == json!([5, 7]);
        let (count, deepest) = if is_5_7 { (200, 4) } else { (60, 1) };
        for seed in (0..).filter(|seed| !STOCK_HANGS.contains(seed)).take(count) {
            let spec = Specs::new(seed).spec(1 + (seed % deepest) as u32);
            let handle = client.send(build(&spec)).await?;
            let tree: Value = serde_json::from_str(&handle.tree().encode())?;
            let theirs = python.call("producer:send", json!([spec]))?;
            let theirs = python.call("producer:seen", json!([theirs])).context("as Python sent it")?;
            let ours = python.call("producer:seen", json!([tree])).context("as Rust sent it")?;
            ensure!(ours == theirs, "{spec}\nours: {ours:#}\ntheirs: {theirs:#}");
            let value: Value = handle.typed().get(SOON).await?;
            ensure!(value == values(&theirs), "{spec}: {value} is not that of {theirs:#}");
        }
        Ok(())
    })
}

/// The value of a result that Python described: of a group, those of its members.
fn values(seen: &Value) -> Value {
    match seen["group"].as_array() {
        Some(members) => members.iter().map(values).collect(),
        None => seen["value"].clone(),
    }
}

#[test]
fn a_task_returns_its_type() -> Result<()> {
    with_client(async |_, client| {
        let handle = client.send(ADD.call((2, 3))).await?;
        assert_eq!(handle.get(SOON).await?, 5);
        assert_eq!(handle.state().await?, State::Success);
        let meta = handle.meta().await?.context("it is stored")?;
        assert_eq!(meta.extended.context("it is extended")?.name.as_deref(), Some("tasks.add"));
        handle.forget().await?;
        assert_eq!(handle.state().await?, State::Pending);
        Ok(())
    })
}

#[test]
fn compositions_return_theirs() -> Result<()> {
    with_client(async |_, client| {
        let add = |x: i64, y: i64| Signature::from(ADD.call((x, y)));
        let more = |y: i64| Signature::new("tasks.add").args((y,));
        let sum: i64 = client.send(add(1, 2) | more(3) | more(4)).await?.typed().get(SOON).await?;
        assert_eq!(sum, 10);
        let handle = client.send(group((0..20).map(|n| add(n, n)))).await?;
        assert_eq!(handle.children().len(), 20);
        let sums: Vec<i64> = handle.typed().get(SOON).await?;
        assert_eq!(sums, (0..20).map(|n| 2 * n).collect::<Vec<_>>());
        let body = Signature::new("tasks.show");
        let handle = client.send(chord([add(1, 1), chain([add(2, 2), more(1)])], body)).await?;
        let shown: String = handle.typed().get(SOON).await?;
        let same: String =
            client.send(Signature::new("tasks.show").args(([2, 5],))).await?.typed().get(SOON).await?;
        assert_eq!(shown, same);
        Ok(())
    })
}

#[test]
fn failures_and_time_outs_are_told() -> Result<()> {
    with_client(async |_, client| {
        let failed = client.send(Signature::new("tasks.fail").args(("no",))).await?;
        match failed.get(SOON).await {
            Err(Error::Task(failure)) => {
                assert_eq!(
                    (&*failure.exception.exc_type, &*failure.exception.exc_message),
                    ("ValueError", r#"["no", 1]"#)
                );
                assert!(failure.traceback.is_some_and(|traceback| traceback.contains("raise ValueError")));
            }
            other => panic!("{other:?}"),
        }
        let nobody = client.send(ADD.call((1, 1)).queue("nobody")).await?;
        assert!(matches!(nobody.get(Duration::from_millis(100)).await, Err(Error::Timeout { .. })));
        let chained =
            client.send(Signature::new("tasks.fail").args(("no",)) | Signature::new("tasks.show")).await?;
        assert!(matches!(chained.get(SOON).await, Err(Error::Task(_))));
        Ok(())
    })
}

#[derive(Serialize)]
struct Kinds {
    bytes: Typed,
    moment: Typed,
    decimal: Typed,
    big: u128,
    list: Vec<Option<f64>>,
}

#[test]
fn python_types_cross_both_ways() -> Result<()> {
    with_client(async |_, client| {
        for serializer in ["json", "yaml", "msgpack"] {
            let limited = serializer != "json";
            let kinds = Kinds {
                bytes: Typed::Bytes(vec![0xff, 0]),
                moment: if serializer == "msgpack" {
                    Typed::Bytes(vec![])
                } else {
                    Typed::DateTime("2026-11-22T12:13:14+00:00".into())
                },
                decimal: if limited { Typed::Bytes(vec![]) } else { Typed::Decimal("12.50".into()) },
                big: if serializer == "msgpack" { 1 } else { 1 << 80 },
                list: vec![Some(1.5), None],
            };
            let call = Task::<Kinds, HashMap<String, (String, String)>>::new("tasks.kinds")
                .call(kinds)
                .serializer(serializer);
            let seen = client.send(call).await?.get(SOON).await?;
            assert_eq!(seen["bytes"], ("bytes".into(), "b'\\xff\\x00'".into()), "{serializer}");
            assert_eq!(seen["list"].1, "[1.5, None]");
            if !limited {
                assert_eq!(seen["decimal"], ("Decimal".into(), "Decimal('12.50')".into()));
                assert_eq!(seen["big"].1, (1_u128 << 80).to_string());
            }
            if serializer != "msgpack" {
                assert_eq!(seen["moment"].0, "datetime", "{serializer}");
            }
        }
        #[derive(Debug, Deserialize)]
        struct Back {
            datetime: String,
            decimal: String,
            uuid: uuid::Uuid,
            text: Vec<u8>,
            bytes: Vec<u8>,
            nan: f64,
            big: u128,
        }
        let back: Back = client.send(Signature::new("tasks.typed")).await?.typed().get(SOON).await?;
        assert_eq!(back.datetime, "2026-11-22T12:13:14.000567+00:00");
        assert_eq!((&*back.decimal, back.big), ("12.50", 1 << 80));
        assert_eq!((back.text, back.bytes), (b"text".to_vec(), vec![0xff, 0]));
        assert_eq!(back.uuid.to_string(), "67e55044-10b1-426f-9247-bb680e5fe0c8");
        assert!(back.nan.is_nan());
        Ok(())
    })
}

#[test]
fn every_option_reaches_the_task() -> Result<()> {
    with_client(async |_, client| {
        let call = Signature::new("tasks.request")
            .with_id("my-id")
            .priority(9)
            .countdown(Duration::from_millis(200))
            .expires_in(Duration::from_secs(60))
            .time_limit(Duration::from_secs(30))
            .soft_time_limit(Duration::from_millis(12_500))
            .retries(2)
            .shadow("shown")
            .header("own", "mine")
            .compression("zlib");
        let seen: Value = client.send(call).await?.typed().get(SOON).await?;
        assert_eq!(
            (&seen["id"], &seen["root_id"], &seen["parent_id"]),
            (&json!("my-id"), &json!("my-id"), &Value::Null)
        );
        assert_eq!(
            (&seen["retries"], &seen["shadow"], &seen["priority"]),
            (&json!(2), &json!("shown"), &json!(9))
        );
        assert_eq!(seen["timelimit"], json!([30, 12.5]));
        assert_eq!(seen["headers"]["own"], "mine");
        assert!(seen["eta"].is_string() && seen["expires"].is_string(), "{seen}");
        for compression in ["bzip2", "lzma", "zstd", "brotli"] {
            let sum = client.send(ADD.call((1, 2)).compression(compression)).await?.get(SOON).await;
            assert_eq!(sum.with_context(|| compression)?, 3);
        }
        Ok(())
    })
}

#[test]
fn a_revoked_task_is_told_as_such() -> Result<()> {
    with_client(async |_, client| {
        let handle = client.send(ADD.call((1, 2)).countdown(Duration::from_secs(2))).await?;
        handle.revoke().await?;
        match handle.get(SOON).await {
            Err(Error::Task(failure)) => assert_eq!(failure.state, State::Revoked),
            other => panic!("{other:?}"),
        }
        Ok(())
    })
}

/// Celery tells the steps after a revoked one nothing.
#[test]
fn a_chain_ends_with_a_step_that_was_revoked() -> Result<()> {
    with_client(async |_, client| {
        let first = ADD.call((1, 2)).countdown(Duration::from_secs(2));
        let handle = client.send(first | Task::<(i64,), i64>::new("tasks.add").call((3,))).await?;
        handle.parent().context("the first step")?.revoke().await?;
        match handle.get(SOON).await {
            Err(Error::Task(failure)) => assert_eq!(failure.state, State::Revoked),
            other => panic!("{other:?}"),
        }
        Ok(())
    })
}

/// What cannot be written does not keep the rest from being sent.
#[test]
fn many_are_sent_with_an_answer_for_each() -> Result<()> {
    with_client(async |scene, client| {
        let calls = (0..3000).map(|n| {
            let call = Signature::new("tasks.add").queue("later");
            if n == 1500 { call.args(n) } else { call.args((n, 1)) }
        });
        let sent = client.send_all(calls).await;
        assert_eq!(sent.len(), 3000);
        let refused: Vec<usize> = (0..3000).filter(|n| sent[*n].is_err()).collect();
        assert_eq!(refused, [1500]);
        assert_eq!(scene.queued("later")?, 2999);
        Ok(())
    })
}

#[test]
fn events_are_read() -> Result<()> {
    with_client(async |_, client| {
        let mut events = client.events(&["#"]).await?;
        client.broadcast(&celery_client::protocol::control::Command::EnableEvents).await?;
        let mut kinds = Vec::new();
        let mut sent = false;
        while !kinds.iter().any(|kind| kind == "task-succeeded") {
            let batch = events.next().await?;
            kinds.extend(batch.events()?.iter().map(|event| event.kind.name().to_owned()));
            // The first event says that the worker has heard.
            if !std::mem::replace(&mut sent, true) {
                client.send(ADD.call((1, 2))).await?;
            }
        }
        let of_task: Vec<_> = kinds.iter().filter(|kind| kind.starts_with("task-")).collect();
        assert_eq!(of_task, ["task-received", "task-started", "task-succeeded"]);
        Ok(())
    })
}

#[test]
fn a_server_that_comes_back_is_used_again() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let scene = Scene::open("client")?;
        let (_worker, client) = open(&scene).await?;
        let waiting = client.send(ADD.call((1, 2)).countdown(Duration::from_secs(3))).await?;
        // Not the stock worker's: what it has popped when its connection breaks it may lose.
        let mut admin = scene.redis.connect(0)?;
        let connections: String = ::redis::cmd("CLIENT").arg("LIST").query(&mut admin)?;
        let ours = connections.lines().filter(|line| line.contains("@rust"));
        let ids: Vec<&str> = ours.filter_map(|line| line.strip_prefix("id=")?.split(' ').next()).collect();
        ensure!(!ids.is_empty(), "{connections}");
        for id in ids {
            ::redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).query::<i64>(&mut admin)?;
        }
        let after = client.send(ADD.call((3, 4))).await?;
        assert_eq!(after.get(SOON).await?, 7);
        assert_eq!(waiting.get(SOON).await?, 3);
        Ok(())
    })
}
