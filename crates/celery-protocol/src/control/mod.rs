//! Remote control: what is asked of workers while they run, and what they answer.
//!
//! A [`ControlRequest`] goes to the fanout exchange of [`pidbox_exchange`]; each worker takes it from the
//! queue of its own ([`pidbox_queue`]), looks whether it is meant ([`ControlRequest::is_for`]), and, where
//! the request says so, sends a [`ControlReply`] to [`reply_exchange`]. What is asked is a [`Command`]; the
//! values of replies are in [`reply`]. The source of it all is `kombu/pidbox.py`.

mod address;
mod command;
mod glob;
mod names;
pub mod reply;
mod request;

pub use command::{
    AddConsumer, Autoscale, Command, Election, Hello, Objgraph, OneOrMany, PoolRestart, RateLimit,
    RateLimitValue, Registered, Revoke, RevokeByStampedHeaders, RevokedIds, Signal, Stamp, Stamps, Terminate,
    TimeLimit,
};
pub use glob::glob_matches;
pub use names::{CONTROL_NAMESPACE, pidbox_exchange, pidbox_queue, reply_exchange, reply_queue};
pub use reply::ControlReply;
pub use request::{ControlRequest, ReplyTo};
