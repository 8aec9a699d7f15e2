//! The headers of a protocol 2 task message.

mod decode;
mod encode;
mod expires;
mod fields;
mod time_limits;

pub use expires::Expires;
pub use fields::TaskHeaders;
pub use time_limits::TimeLimits;
