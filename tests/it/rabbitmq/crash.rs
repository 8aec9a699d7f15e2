//! Workers that are killed and connections that are lost: nothing is lost, and only what ran runs again.
//!
//! `cargo xtask campaign --only crash-amqp` does the same with more tasks and seeds, and kills the node as well.

use anyhow::{Result, ensure};
use celery_oxide_tests::crash::{self, Broker, Crash, Trouble};
use celery_oxide_tests::venv::Venv;
use celery_oxide_tests::{arena, paths};

const TASKS: usize = 1000;

fn crash(broker: Broker, trouble: Trouble) -> Result<()> {
    let _place = arena::shared()?;
    let folder = paths::scratch("crash-")?;
    let crash = Crash { broker, tasks: TASKS, seed: 1, trouble, lease: None };
    let outcome = crash::run(&Venv::from_env()?, &crash, folder.path(), &|_| {})?;
    ensure!(outcome.is_good(TASKS), "{outcome:#?}");
    Ok(())
}

#[test]
fn workers_that_are_killed() -> Result<()> {
    crash(Broker::Quorum, Trouble::Worker)
}

#[test]
fn connections_that_are_closed() -> Result<()> {
    crash(Broker::Classic, Trouble::Connections)
}
