//! What can be measured.

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::bench::throughput::{self, Throughput};
use crate::steps::Steps;

#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    measurement: Measurement,
}

#[derive(Debug, Subcommand)]
enum Measurement {
    /// Tasks that do nothing, with results, all queued before the worker starts.
    Throughput(Throughput),
}

pub(crate) fn run(command: &Bench, steps: &Steps) -> Result<bool> {
    match &command.measurement {
        Measurement::Throughput(command) => throughput::run(command, steps),
    }
}
