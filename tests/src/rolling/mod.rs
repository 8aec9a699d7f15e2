//! Rolling restarts under load: each worker is asked to end, gets a time of grace, and is killed if it is still there.

mod judge;
mod run;

pub use judge::{Ending, Outcome, judge};
pub use run::{How, Rolling, run};
