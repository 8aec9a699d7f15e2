//! A broker within the process: for tests, and for programs whose clients and workers are one process.
//!
//! Whoever has a clone of a [`Memory`], or asks for the same `memory://name`, has the same broker. It ends with the process
//! and nothing outside can reach it: `memory://` of a Python process is kombu's, another broker.
//!
//! | what | how | file |
//! |---|---|---|
//! | queues and bindings | maps under one lock | `broker.rs` |
//! | who holds a message | the consumer that took it, until it settles it or is dropped | `session.rs` |
//! | events, commands | a bounded channel for each listener | `subscription.rs` |
//! | replies | a queue of the asker's own | `asker.rs` |
//!
//! A queue serves its messages by priority, 0 first unless `worker_priority_order` says otherwise, and in the order in
//! which they came. One that is published to a queue that nobody has declared makes it, as on Valkey.
//!
//! A message is copied when it is published and when it is delivered; its body never is.
//!
//! Source: `kombu/transport/memory.py`, `kombu/transport/virtual/base.py`.

mod acknowledger;
mod address;
mod asker;
mod broker;
mod consumer;
mod driver;
mod publisher;
mod session;
mod subscription;

pub use address::{SCHEMES, is_ours, refuse};
pub use broker::Load;
pub use driver::Memory;
