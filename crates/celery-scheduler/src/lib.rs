#![doc = include_str!("../README.md")]

mod clock;
mod due;
mod error;
mod rate;
mod timestamp;

pub use clock::{Clock, ManualClock, SystemClock};
pub use due::DueQueue;
pub use error::Error;
pub use rate::{RateLimit, TokenBucket};
pub use timestamp::parse_timestamp;
