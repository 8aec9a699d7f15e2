#![doc = include_str!("../README.md")]

mod app;
mod banner;
mod commands;
mod events;
mod failure;
mod log;
mod methods;
mod options;
mod output;
mod python;
mod remote;
mod replies;
mod run;
mod session;
mod settings;
mod unsupported;

pub use banner::{Banner, QueueLine, TaskLine};
pub use log::{LogLevel, LogOptions, init as init_log};
pub use methods::{Kind as MethodKind, METHODS, Method};
pub use options::{
    App, AskingOptions, BindingsOptions, BrokerOptions, CallOptions, Cli, Command, EventsOptions, Expires,
    ListCommand, Parsed, PurgeOptions, RemoteOptions, ResultOptions, StatusOptions, WorkerOptions, parse,
};
pub use python::{Interpreter, NoInterpreter};
pub use run::run;
pub use unsupported::unsupported;
