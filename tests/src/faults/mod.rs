//! What servers and networks do to a worker, one fault at a time: how soon it consumes again, and what that cost.

mod fault;
mod place;
mod round;
mod said;

pub use fault::{Fault, Pace};
pub use round::{Outcome, Round, run};
