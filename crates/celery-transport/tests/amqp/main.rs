//! The RabbitMQ driver against a real node.

#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

mod contract;
mod declaring;
mod losing;
mod priorities;
mod support;
mod tls;
