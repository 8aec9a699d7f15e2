//! A result backend within the process: for tests, and for programs whose clients and workers are one process.
//!
//! Whoever has a clone of a [`Memory`], or asks for the same `memory://name`, has the same results. They end with the
//! process and nothing outside can read them.
//!
//! What has expired is never given, and is thrown away when there has come as much again as was left the last time
//! (`kept.rs`). Whoever watches a task is told by whoever stores its result; nobody else is woken (`watches.rs`).

mod address;
mod chords;
mod driver;
mod kept;
mod reader;
mod watches;

pub use address::{SCHEMES, is_ours};
pub use driver::Memory;
