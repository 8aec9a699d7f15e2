//! Measures how long it takes to decode and to encode what a worker reads and writes for each task.
//!
//! `cargo run --release -p celery-protocol --example codec_speed -- 9` takes nine runs. Each operation is one line of
//! JSON: its name, the bytes on the wire, the nanoseconds in each run. `cargo xtask bench protocol` makes a table of it.

mod operations;

use std::{
    error::Error,
    io::Write,
    time::{Duration, Instant},
};

/// How often an operation is done between two looks at the clock.
const BATCH: u32 = 200;

/// How long an operation is repeated in each run.
const RUN: Duration = Duration::from_millis(200);

fn main() -> Result<(), Box<dyn Error>> {
    let runs: usize = std::env::args().nth(1).map_or(Ok(9), |runs| runs.parse())?;
    let operations = operations::all()?;
    let mut nanoseconds = vec![Vec::new(); operations.len()];
    // In turn, so that what disturbs the machine for a while disturbs all.
    for _ in 0..runs {
        for (operation, seen) in operations.iter().zip(&mut nanoseconds) {
            seen.push(one_run(&operation.run)?);
        }
    }
    let mut out = std::io::stdout().lock();
    for (operation, seen) in operations.iter().zip(nanoseconds) {
        let line = serde_json::json!({
            "operation": operation.name,
            "bytes": operation.bytes,
            "nanoseconds": seen,
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// Nanoseconds for each time: the median of the batches, so that a batch during which something else ran does not count.
fn one_run(run: &operations::Run) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut batches = Vec::new();
    while start.elapsed() < RUN {
        let start = Instant::now();
        for _ in 0..BATCH {
            run()?;
        }
        batches.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH));
    }
    batches.sort_by(f64::total_cmp);
    Ok(batches.get(batches.len() / 2).copied().unwrap_or_default())
}
