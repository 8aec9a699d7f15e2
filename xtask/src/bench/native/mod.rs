//! `cargo xtask bench native` and `bench latency`: workers of Rust tasks.

mod ceiling;
mod latency;
mod queue;
mod throughput;

pub(crate) use latency::{Latency, run as run_latency};
pub(crate) use throughput::{Native, run};
