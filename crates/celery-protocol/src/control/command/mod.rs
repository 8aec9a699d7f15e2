//! What can be asked of a worker.

mod consumers;
mod election;
mod hello;
mod inspection;
mod kind;
mod limits;
mod one_or_many;
mod pool;
mod revoke;
mod signal;
mod stamps;

pub use consumers::AddConsumer;
pub use election::Election;
pub use hello::{Hello, RevokedIds};
pub use inspection::{Objgraph, Registered};
pub use kind::Command;
pub use limits::{RateLimit, RateLimitValue, TimeLimit};
pub use one_or_many::OneOrMany;
pub use pool::{Autoscale, PoolRestart};
pub use revoke::{Revoke, RevokeByStampedHeaders, Terminate};
pub use signal::Signal;
pub use stamps::{Stamp, Stamps};
