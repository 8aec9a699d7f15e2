//! Workers that are replaced one after the other under load.
//!
//! `cargo xtask campaign --only rolling` does the same with ten rounds, tasks of up to 40 seconds and 30 of grace.

use anyhow::{Result, ensure};
use celery_oxide_tests::rolling::{self, How, Rolling};
use celery_oxide_tests::venv::Venv;
use celery_oxide_tests::{arena, paths};

fn rolls(how: How) -> Result<()> {
    let _place = arena::shared()?;
    let folder = paths::scratch("rolling-")?;
    let rolling = Rolling { how, rounds: 2, life: 1.0, grace: 3.0, longest: 5.0, tasks: 30, seed: 1 };
    let outcome = rolling::run(&Venv::from_env()?, rolling, folder.path(), &|_| {})?;
    ensure!(outcome.is_good(), "{outcome:#?}");
    Ok(())
}

#[test]
fn warm() -> Result<()> {
    rolls(How::Warm)
}

#[test]
fn soft() -> Result<()> {
    rolls(How::Soft)
}
