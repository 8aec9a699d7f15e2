//! `cargo xtask campaign`: what takes too long for `cargo xtask test`, one file for each part.

mod canvases;
mod command;
mod crash;
mod drivers;
mod end_to_end;
mod faults;
mod fleet;
mod flower;
mod idle;
mod lease;
mod report;
mod rolling;

pub(crate) use command::{Campaign, run};
