//! The same tasks as coroutines here and as functions on the stock worker: stored results, events and the order of hooks
//! are the same. The cases are in `tests/apps/twins/cases.py`.

use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::worker::Front;
use serde_json::{Value, json};

/// How many of each case run side by side where there are slots for them.
const COPIES: u32 = 4;

/// A worker, and what is to be seen of it.
#[derive(Clone, Copy)]
struct Side {
    name: &'static str,
    front: Front,
    options: &'static [&'static str],
    twins: &'static str,
    copies: u32,
}

const STOCK: Side = Side {
    name: "stock",
    front: Front::Stock,
    options: &["-P", "prefork", "-c", "1"],
    twins: "def",
    copies: 1,
};
const ALONE: Side = Side {
    name: "concurrency 1",
    front: Front::WorkerCli,
    options: &["--loop-concurrency=1", "--sync-workers=1"],
    twins: "async",
    copies: 1,
};
const MANY: Side = Side {
    name: "concurrency 100",
    front: Front::WorkerCli,
    options: &["--loop-concurrency=100", "--sync-workers=2"],
    twins: "async",
    copies: COPIES,
};

/// What was seen of a group of cases, by case.
fn observe(side: Side, group: &str) -> Result<Value> {
    let mut scene = Scene::open("twins")?;
    scene.set_env("TWINS", side.twins);
    if group == "zones" {
        scene.set_env("ZONE", "Asia/Kolkata");
    }
    let spec = scene.worker_spec().front(side.front).args(side.options).args(&["-E"]);
    let _worker = spec.start()?;
    let mut client = scene.client()?;
    client.call("producer:observe", json!([group, side.copies])).with_context(|| side.name)
}

fn are_alike(group: &'static str) -> Result<()> {
    let sides = [STOCK, ALONE, MANY].map(|side| thread::spawn(move || observe(side, group)));
    let [stock, alone, many] =
        sides.map(|side| side.join().map_err(|_| anyhow!("a side panicked")).flatten());
    let (stock, alone, many) = (stock?, alone?, many?);
    let mut wrong = Vec::new();
    for (case, wanted) in stock.as_object().context("no cases")? {
        // Side by side, chance says which part of a chord is the last, and that is the parent of the body.
        for (side, seen, how) in [(ALONE, &alone, "exact"), (MANY, &many, "loose")] {
            let (wanted, seen) = (&wanted[how], &seen[case][how]);
            if wanted != seen {
                let (missing, more) = (beyond(wanted, seen), beyond(seen, wanted));
                wrong.push(format!("{case}, {}\nonly stock: {missing:#}\nonly ours: {more:#}", side.name));
            }
        }
    }
    ensure!(wrong.is_empty(), "{} of {group} differ:\n{}", wrong.len(), wrong.join("\n\n"));
    Ok(())
}

/// What is in the lists of `these` and not in those of `others`.
fn beyond(these: &Value, others: &Value) -> Value {
    let of = |kind: &str| {
        let others = others[kind].as_array().map(Vec::as_slice).unwrap_or_default();
        let these = these[kind].as_array().map(Vec::as_slice).unwrap_or_default();
        these.iter().filter(|this| !others.contains(this)).cloned().collect::<Vec<_>>()
    };
    json!({"tasks": of("tasks"), "values": of("values"), "errbacks": of("errbacks")})
}

#[test]
fn plain_calls() -> Result<()> {
    are_alike("plain")
}

#[test]
fn retries() -> Result<()> {
    are_alike("retries")
}

#[test]
fn ends_that_are_none() -> Result<()> {
    are_alike("ends")
}

#[test]
fn replaced_tasks() -> Result<()> {
    are_alike("replaces")
}

#[test]
fn canvas() -> Result<()> {
    are_alike("canvas")
}

#[test]
fn links() -> Result<()> {
    are_alike("links")
}

#[test]
fn errors() -> Result<()> {
    are_alike("errors")
}

#[test]
fn stamps() -> Result<()> {
    are_alike("stamps")
}

#[test]
fn tasks_that_send_tasks() -> Result<()> {
    are_alike("sends")
}

#[test]
fn another_time_zone_without_utc() -> Result<()> {
    are_alike("zones")
}
