//! The Valkey driver against a real server.

#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

mod closing;
mod errors;
mod fetching;
mod leases;
mod lost_replies;
mod odd_messages;
mod proxy;
mod publishing;
mod server;
mod settling;
mod support;
mod visibility;
mod waiting;
