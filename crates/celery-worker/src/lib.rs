#![doc = include_str!("../README.md")]

mod builder;
mod complete;
mod config;
mod credit;
mod engine;
mod error;
mod fetch;
mod in_flight;
mod intake;
mod outbox;
mod parking;
mod rates;
mod report;
mod shutdown;

pub use builder::{Worker, WorkerBuilder};
pub use config::{Config, TaskSpec};
pub use error::{Error, Result};
pub use outbox::{Outbox, OutboxError};
pub use shutdown::{Exit, Phase, Shutdown};
