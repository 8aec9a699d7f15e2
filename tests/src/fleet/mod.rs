//! A fleet in which stock workers and ours share a queue, and its way back to stock workers only.

mod judge;
mod plan;
mod receipts;
mod run;
mod slots;

pub use judge::{End, Incarnation, Kind, Sent, Verdict, judge};
pub use plan::Fleet;
pub use run::{Outcome, run};
