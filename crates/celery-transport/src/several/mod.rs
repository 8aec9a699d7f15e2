//! Several brokers at a time, as one.
//!
//! [`Several`] consumes the same queues from each of its brokers, which need not be of one kind. What is fetched is settled
//! where it came from. A broker that is away is tried again and again beside the others, which go on; only when all are
//! away is that an error.
//!
//! | what | where it goes |
//! |---|---|
//! | what tasks send | the first broker |
//! | events and commands to all workers (`fanout`) | every broker; on others than the first they are lost while it is away |
//! | an answer to a command | where the command came from: [`Publication::to_broker`](crate::Publication::to_broker) |
//!
//! Protocol: each broker has a task that fetches (`part.rs`) and one that settles (`settling.rs`). They share nothing; the
//! halves that the worker has talk to them through channels, and wait for a broker that does not answer no longer than
//! [`PATIENCE`](patience::PATIENCE).

mod acknowledger;
mod consumer;
mod driver;
mod part;
mod patience;
mod publisher;
mod settling;
mod subscription;

pub use driver::Several;
