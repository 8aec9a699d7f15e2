//! A result backend within the process: for tests, and for programs whose clients and workers are one process.
//!
//! Whoever has a clone of a [`Memory`], or asks for the same `memory://name`, has the same results. They end with the
//! process and nothing outside can read them.
//!
//! What has expired is never given, and is thrown away when there has come as much again as was left the last time
//! (`kept.rs`). Whoever watches a task is told by whoever stores its result; nobody else is woken (`watches.rs`).

mod chords;
mod driver;
mod kept;
mod reader;
mod watches;

pub use driver::Memory;

/// The schemes of the URLs that name a backend of this kind.
pub const SCHEMES: &str = "memory://";

/// Whether `url` is for this driver.
pub fn is_ours(url: &str) -> bool {
    url.starts_with(SCHEMES)
}
