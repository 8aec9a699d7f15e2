//! Servers of one test.

mod sentinel;
mod server;

pub use sentinel::{MASTER, Sentinel};
pub use server::{PROGRAM, RedisServer, free_port, use_program};
