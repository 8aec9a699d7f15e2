//! The driver for a broker within the process.

#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

mod contract;
mod plain;
mod sharing;
