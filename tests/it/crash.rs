//! Workers, servers and connections that die: nothing is lost, and nothing runs twice without a reason.
//!
//! `cargo xtask campaign --only crash` does the same with twenty times as many tasks.

use anyhow::{Result, ensure};
use celery_oxide_tests::crash::{self, Broker, Crash, Trouble};
use celery_oxide_tests::venv::Venv;
use celery_oxide_tests::{arena, paths};

const TASKS: usize = 1000;

fn crash(trouble: Trouble) -> Result<()> {
    let _place = arena::shared()?;
    let folder = paths::scratch("crash-")?;
    let crash = Crash { broker: Broker::Redis, tasks: TASKS, seed: 1, trouble, lease: Some(2.0) };
    let outcome = crash::run(&Venv::from_env()?, &crash, folder.path(), &|_| {})?;
    ensure!(outcome.is_good(TASKS), "{outcome:#?}");
    Ok(())
}

#[test]
fn workers_that_are_killed() -> Result<()> {
    crash(Trouble::Worker)
}

#[test]
fn a_server_that_is_killed() -> Result<()> {
    crash(Trouble::Server)
}

#[test]
fn connections_that_are_killed() -> Result<()> {
    crash(Trouble::Connections)
}
