#![doc = include_str!("../README.md")]

mod event;
mod executor;
mod job;
mod limits;
mod outcome;
mod pool;
mod runner;

pub use event::{Event, EventReceiver, EventSender, events};
pub use executor::{Change, Executor, LaneLoad, Load};
pub use job::{Job, JobId, Kind, Limits};
pub use outcome::{Failure, Outcome, Success};
pub use pool::Lane;
pub use runner::{Health, Interrupt, Runner};
