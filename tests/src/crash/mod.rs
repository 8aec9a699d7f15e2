//! Crashes: `acks_late` tasks while workers are killed, the server is, or connections are, and an exact judgement.

mod held;
mod judge;
mod plan;
mod run;

pub use judge::{Incarnation, Verdict, judge};
pub use plan::{Crash, Trouble};
pub use run::{Outcome, run};
