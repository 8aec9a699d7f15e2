//! Stock workers and ours on one queue, replaced at random, then stock workers only.
//!
//! `cargo xtask campaign --only fleet` does the same with tasks of up to 90 seconds and ETAs of five minutes.

use anyhow::{Result, ensure};
use celery_oxide_tests::fleet::{self, Fleet};
use celery_oxide_tests::venv::Venv;
use celery_oxide_tests::{arena, paths};

#[test]
fn stock_workers_and_ours_share_a_queue() -> Result<()> {
    let _place = arena::shared()?;
    let folder = paths::scratch("fleet-")?;
    let fleet = Fleet { seed: 1, workers: [2, 2], tasks: 120, scale: 1.0 / 30.0, visibility: 600.0 };
    let outcome = fleet::run(&Venv::from_env()?, &fleet, folder.path(), &|_| {})?;
    ensure!(outcome.is_good(), "{outcome:#?}");
    let [stock, ours] = outcome.verdict.runs;
    ensure!(stock > 0 && ours > 0, "one kind of worker had nothing to do: {outcome:#?}");
    Ok(())
}
