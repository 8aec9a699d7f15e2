//! `cargo xtask api`: what the crates offer, line by line in `docs/reference/api`, and what a change to it breaks.

mod change;
mod command;
mod foreign;
mod listing;

pub(crate) use command::{Api, check, run};
