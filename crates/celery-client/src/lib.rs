#![doc = include_str!("../README.md")]

mod builder;
mod client;
mod control;
mod error;
mod events;
mod handle;
mod inspect;
mod outcome;
mod publish;
mod task;
mod workers;

pub use builder::Builder;
pub use celery_protocol as protocol;
pub use celery_protocol::canvas::{Signature, chain, chord, chunks, group, map, starmap};
pub use celery_results::Error as ResultsError;
pub use celery_transport::{ConnectOptions, Error as BrokerError, Queue};
pub use client::Client;
pub use error::{Error, Result, TaskFailure};
pub use events::{EventBatch, Events};
pub use handle::Handle;
pub use publish::RetryPolicy;
pub use task::{Sendable, Task, TaskCall};
pub use workers::{ByNode, Workers};
