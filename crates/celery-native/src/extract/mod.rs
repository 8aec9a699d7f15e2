//! What handlers take.

mod args;
mod from_task;
mod kwargs;
mod state;

pub use args::Args;
pub use from_task::FromTask;
pub use kwargs::Kwargs;
pub use state::{FromRef, State};
