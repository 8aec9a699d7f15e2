//! Rust tasks in a worker of Python tasks.
//!
//! | file | what it knows |
//! |---|---|
//! | `module.rs` | how an extension module gets the engine and Rust tasks |
//! | `tasks.rs` | the Rust tasks of this process, and their way into the engine |
//! | `runner.rs` | which jobs are whose |
//! | `host.rs` | whose tasks that ended are |

mod host;
mod module;
mod runner;
mod tasks;

pub use module::module;
pub(crate) use tasks::Native;
