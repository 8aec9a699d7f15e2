//! `cargo xtask bench protocol`: decoding and encoding messages, events and results.

use std::process::Command;

use anyhow::{Context, Result};
use celery_oxide_tests::paths;
use clap::Args;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::process;
use crate::steps::Steps;
use crate::table::Aligned;

/// The operation that `--at-most` is about.
const DECODE_TASK: &str = "decode task";

#[derive(Debug, Args)]
pub(crate) struct Protocol {
    /// How often each operation is measured, in turn.
    #[arg(long, default_value_t = 9)]
    runs: u32,
    /// Fail when decoding a task message of 1 kB takes more microseconds than this.
    #[arg(long, value_name = "MICROSECONDS")]
    at_most: Option<f64>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// A line of the example `codec_speed`.
#[derive(Debug, Deserialize)]
struct Speed {
    operation: String,
    bytes: usize,
    nanoseconds: Vec<f64>,
}

/// A line of the example `codec_allocations`.
#[derive(Debug, Deserialize)]
struct Allocations {
    operation: String,
    allocations: u64,
    allocated: u64,
}

/// An operation, measured and counted.
#[derive(Debug, Serialize)]
struct Row {
    operation: String,
    /// On the wire.
    bytes: usize,
    /// The median of the runs.
    nanoseconds: f64,
    lowest: f64,
    highest: f64,
    /// How often it allocates, and how many bytes in all.
    allocations: u64,
    allocated: u64,
}

pub(crate) fn run(command: &Protocol, steps: &Steps) -> Result<bool> {
    let speeds: Vec<Speed> = example(steps, "codec_speed", &[command.runs.max(1).to_string()])?;
    let counts: Vec<Allocations> = example(steps, "codec_allocations", &[])?;
    let rows = speeds.into_iter().map(|speed| row(speed, &counts)).collect::<Result<Vec<_>>>()?;
    if command.json {
        print_json(&rows);
    } else {
        print(&rows);
    }
    let decoding = rows.iter().find(|row| row.operation == DECODE_TASK);
    let decoding = decoding.context("decoding a task was not measured")?.nanoseconds / 1e3;
    Ok(command.at_most.is_none_or(|most| decoding <= most))
}

/// Builds an example of celery-protocol for release and runs it; each line of its output is a `T`.
fn example<T: DeserializeOwned>(steps: &Steps, name: &str, words: &[String]) -> Result<Vec<T>> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["run", "--release", "--package", "celery-protocol", "--example", name, "--"]).args(words);
    command.current_dir(paths::workspace());
    let output = steps.run(name, |step| process::succeed(step, name, command))?;
    let lines = output.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).with_context(|| format!("{name} wrote {line}"))).collect()
}

fn row(speed: Speed, counts: &[Allocations]) -> Result<Row> {
    let Speed { operation, bytes, nanoseconds: mut runs } = speed;
    runs.sort_by(f64::total_cmp);
    let nothing = || format!("{operation} was not measured");
    let (lowest, highest) = (runs.first().with_context(nothing)?, runs.last().with_context(nothing)?);
    let median = f64::midpoint(runs[(runs.len() - 1) / 2], runs[runs.len() / 2]);
    let count = counts.iter().find(|count| count.operation == operation);
    let count = count.with_context(|| format!("the allocations of {operation} were not counted"))?;
    Ok(Row {
        bytes,
        nanoseconds: median,
        lowest: *lowest,
        highest: *highest,
        allocations: count.allocations,
        allocated: count.allocated,
        operation,
    })
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
fn print(rows: &[Row]) {
    let header = ["operation", "bytes", "ns", "lowest", "highest", "allocations", "allocated bytes"];
    let mut table = Aligned::new(&header, &[1, 2, 3, 4, 5, 6]);
    for row in rows {
        table.row(vec![
            row.operation.clone(),
            row.bytes.to_string(),
            format!("{:.0}", row.nanoseconds),
            format!("{:.0}", row.lowest),
            format!("{:.0}", row.highest),
            row.allocations.to_string(),
            row.allocated.to_string(),
        ]);
    }
    table.print();
    println!("nanoseconds for each time on one thread, the median of the runs; arguments stay text");
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
fn print_json(rows: &[Row]) {
    println!("{}", serde_json::json!({"operations": rows}));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_counts_come_together() {
        let count = || Allocations { operation: "decode task".to_owned(), allocations: 25, allocated: 1256 };
        let speed = |nanoseconds| Speed { operation: "decode task".to_owned(), bytes: 1026, nanoseconds };
        let seen = row(speed(vec![3.0, 1.0, 2.0, 9.0]), &[count()]).unwrap();
        assert_eq!((seen.nanoseconds, seen.lowest, seen.highest), (2.5, 1.0, 9.0));
        assert_eq!((seen.bytes, seen.allocations), (1026, 25));
        assert!(row(speed(vec![]), &[count()]).is_err());
        assert!(row(speed(vec![1.0]), &[]).is_err());
    }
}
