//! Where tasks run.

mod block_on;
mod executor;
mod loops;
mod threads;

pub use executor::{Executor, Lanes, TokioExecutor};
