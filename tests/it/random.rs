//! A few of the random canvases of `cargo xtask campaign --only canvases`.

use anyhow::{Result, ensure};
use celery_oxide_tests::{arena, random, venv::Venv};

#[test]
fn random_canvases_end_as_with_the_stock_worker() -> Result<()> {
    let seed: usize =
        std::env::var("CELERY_OXIDE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let _place = arena::shared()?;
    let first = 10_000 * seed;
    let outcome = random::compare(&Venv::from_env()?, &(first..first + 60), &|_| {})?;
    let shown: Vec<_> = outcome.different.iter().map(|(seed, how)| format!("canvas {seed}\n{how}")).collect();
    ensure!(shown.is_empty(), "{}", shown.join("\n"));
    ensure!(outcome.same >= 50, "chance decides too much: {:?}", outcome.left_to_chance);
    Ok(())
}
