#![doc = include_str!("../README.md")]

mod away;
mod builder;
mod complete;
mod config;
mod consumed;
mod control;
mod credit;
mod engine;
mod error;
mod events;
mod fetch;
mod follow;
mod gossip;
mod holdings;
mod host;
mod in_flight;
mod intake;
mod lamport;
mod mingle;
mod outbox;
mod parking;
mod python_repr;
mod rates;
mod report;
mod revocation;
mod shutdown;

pub use builder::{Ended, Worker, WorkerBuilder};
pub use config::{Config, Software, TaskSpec};
pub use engine::{Activity, Probe};
pub use error::{Error, Result};
pub use follow::{Following, Parent, SendError, Sender, Sent, Takes, Target};
pub use host::{Conclusion, Ending, Host, How};
pub use lamport::LamportClock;
pub use outbox::{Outbox, OutboxError};
pub use shutdown::{Exit, Phase, Shutdown};
