//! What servers and networks do to a worker: it consumes again soon, nothing is lost, and it says so once.
//!
//! `cargo xtask campaign --only faults` does each ten times, for longer, and looks at the CPU as well.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::faults::{self, Fault, Pace};
use celery_oxide_tests::redis::{RedisServer, free_port};
use celery_oxide_tests::scene::{BACKEND, Scene};
use celery_oxide_tests::venv::Venv;
use celery_oxide_tests::{arena, paths};
use serde_json::json;

fn survives(fault: Fault) -> Result<()> {
    let _place = arena::shared()?;
    let folder = paths::scratch("faults-")?;
    let pace = Pace {
        down: Duration::from_secs(3),
        through: Duration::from_secs(1),
        // Otherwise it takes a quarter of a minute until a half-open connection is given up.
        socket_timeout: (fault == Fault::HalfOpen).then_some(Duration::from_secs(1)),
    };
    let outcome = faults::run(&Venv::from_env()?, fault, 1, pace, folder.path(), &|_| {})?;
    ensure!(outcome.is_good(), "{outcome:#?}");
    // On a machine that may be busy; what is promised is five seconds.
    ensure!(outcome.rounds.iter().all(|round| round.back < 15.0), "{outcome:#?}");
    Ok(())
}

#[test]
fn a_server_that_restarts() -> Result<()> {
    survives(Fault::Restart)
}

#[test]
fn a_replica_that_takes_over() -> Result<()> {
    survives(Fault::Failover)
}

#[test]
fn connections_that_are_killed() -> Result<()> {
    survives(Fault::Kill)
}

#[test]
fn half_open_connections() -> Result<()> {
    survives(Fault::HalfOpen)
}

#[test]
fn a_server_that_pauses_its_clients() -> Result<()> {
    survives(Fault::Pause)
}

#[test]
fn a_server_that_is_read_only() -> Result<()> {
    survives(Fault::ReadOnly)
}

#[test]
fn a_server_that_loads_its_data() -> Result<()> {
    survives(Fault::Loading)
}

#[test]
fn a_server_that_forgets_the_scripts() -> Result<()> {
    survives(Fault::ScriptFlush)
}

#[test]
fn a_server_without_memory() -> Result<()> {
    survives(Fault::OutOfMemory)
}

#[test]
fn a_worker_starts_before_its_result_backend() -> Result<()> {
    let scene = Scene::open("basic")?;
    let port = free_port()?;
    let backend = format!("redis://127.0.0.1:{port}/0");
    let mut worker = scene.worker_spec().env(BACKEND, &backend).spawn()?;
    worker.wait_log("Cannot connect to the result backend", Duration::from_secs(40))?;
    let _results = RedisServer::start_at(port)?;
    worker.wait_ready()?;
    let mut client = scene.client_with(&[(BACKEND, &backend)])?;
    ensure!(client.run("tasks.add", json!([1, 2]))?.success()? == json!(3));
    Ok(())
}
