#![doc = include_str!("../README.md")]

mod banner;
mod log;
mod options;
mod python;
mod unsupported;

pub use banner::{Banner, QueueLine, TaskLine};
pub use log::{LogLevel, LogOptions, init as init_log};
pub use options::{App, Cli, Command, Parsed, WorkerOptions, parse};
pub use python::{Interpreter, NoInterpreter};
pub use unsupported::unsupported;
