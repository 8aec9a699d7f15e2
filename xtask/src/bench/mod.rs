//! `cargo xtask bench`: measurements against upstream's worker.

mod chart;
mod command;
mod measure;
mod preload;
mod process_tree;
mod report;
mod throughput;

pub(crate) use command::{Bench, run};
