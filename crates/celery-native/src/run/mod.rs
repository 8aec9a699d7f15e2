//! Where tasks run.

mod block_on;
mod executor;
mod loops;
mod threads;

pub(crate) use block_on::block_on;
pub use executor::{Executor, Lanes, TokioExecutor};
