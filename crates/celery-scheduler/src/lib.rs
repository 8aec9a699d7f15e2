#![doc = include_str!("../README.md")]

mod clock;
mod due;
mod error;
mod periodic;
mod rate;
mod revoked;
mod timestamp;
mod zone;

pub use clock::{Clock, ManualClock, SystemClock};
pub use due::DueQueue;
pub use error::Error;
pub use periodic::{Crontab, Due, Entry, Every, Schedule, Timetable};
pub use rate::{RateLimit, TokenBucket};
pub use revoked::Revoked;
pub use timestamp::parse_timestamp;
pub use zone::Zone;
