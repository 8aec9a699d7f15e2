//! The Valkey driver against a real server.

#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

mod chords;
mod contract;
mod errors;
mod groups;
mod storing;
mod support;
mod switching;
mod watching;
