//! What can be measured.

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::bench::chord::{self, Chord};
use crate::bench::eta::{self, Eta};
use crate::bench::events::{self, Events};
use crate::bench::native::{self, Latency, Native};
use crate::bench::protocol::{self, Protocol};
use crate::bench::publish::{self, Publish};
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
    /// Decoding and encoding a task message, an event and a result.
    Protocol(Protocol),
    /// Sending tasks: `celery-client` against `delay()` in a loop.
    Publish(Publish),
    /// Tasks that do nothing, without and with events of tasks.
    Events(Events),
    /// Far ETAs: memory of the worker, and how late those start that are due.
    Eta(Eta),
    /// A chord of many coroutines: how long after the last part its body starts.
    Chord(Chord),
    /// Rust tasks that do nothing, against the broker's ceiling and rusty-celery.
    Native(Native),
    /// One Rust task at a time, from sending to the result.
    Latency(Latency),
}

pub(crate) fn run(command: &Bench, steps: &Steps) -> Result<bool> {
    match &command.measurement {
        Measurement::Throughput(command) => throughput::run(command, steps),
        Measurement::Protocol(command) => protocol::run(command, steps),
        Measurement::Publish(command) => publish::run(command, steps),
        Measurement::Events(command) => events::run(command, steps),
        Measurement::Eta(command) => eta::run(command, steps),
        Measurement::Chord(command) => chord::run(command, steps),
        Measurement::Native(command) => native::run(command, steps),
        Measurement::Latency(command) => native::run_latency(command, steps),
    }
}
