//! `cargo xtask campaign`: what takes too long for `cargo xtask test`, one file for each part.

mod command;
mod crash;
mod end_to_end;
mod idle;
mod lease;
mod neighbours;
mod report;

pub(crate) use command::{Campaign, run};
