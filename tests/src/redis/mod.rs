//! Servers of one test.

mod server;

pub use server::{PROGRAM, RedisServer, free_port};
