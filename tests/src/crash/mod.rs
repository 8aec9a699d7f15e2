//! Crashes: `acks_late` tasks while workers are killed, the server is, or connections are, and an exact judgement.

mod ground;
mod held;
mod judge;
mod plan;
mod rabbitmq;
mod redis;
mod run;

pub use judge::{Disturbance, Evidence, Incarnation, Verdict, judge};
pub use plan::{Broker, Crash, Trouble};
pub use run::{Outcome, run};
