//! Connections to real servers of every kind, and what becomes of them.

#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

mod access;
mod failover;
mod faults;
mod sentinel;
mod sockets;
mod support;
mod tls;
