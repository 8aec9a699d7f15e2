//! A task or an ETA that is longer than the lease and the visibility timeout runs once.
//!
//! `cargo xtask campaign --only lease` does the same with ten minutes.

use anyhow::{Result, ensure};
use celery_oxide_tests::long::{self, Long};
use celery_oxide_tests::venv::Venv;
use celery_oxide_tests::{arena, paths};

fn runs_once(park_after: f64) -> Result<()> {
    let _place = arena::shared()?;
    let folder = paths::scratch("long-")?;
    let long = Long { time: 10.0, lease: 3.0, visibility: 3.0, workers: 3, park_after };
    let outcome = long::run(&Venv::from_env()?, long, folder.path(), &|_| {})?;
    ensure!(outcome.is_good(), "{outcome:#?}");
    Ok(())
}

#[test]
fn longer_than_every_timeout_and_held_by_the_worker() -> Result<()> {
    runs_once(60.0)
}

#[test]
fn longer_than_every_timeout_and_parked_in_the_broker() -> Result<()> {
    runs_once(1.0)
}
