//! `cargo xtask bench`: measurements, against upstream's where there is something to compare with.

mod chart;
mod chord;
mod command;
mod eta;
mod events;
mod measure;
mod monitor;
mod native;
mod process_tree;
mod protocol;
mod publish;
mod rabbitmq;
mod report;
mod throughput;

pub(crate) use command::{Bench, run};
