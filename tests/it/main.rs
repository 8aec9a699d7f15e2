//! The end-to-end tests: real servers, real producers, real processes.

mod bad_input;
mod banner;
mod blocked;
mod brokers;
mod canvas;
mod concurrency;
mod control;
mod crash;
mod dead_letters;
mod eta;
mod events;
mod flags;
mod limits;
mod long;
mod neighbours;
mod page;
mod priorities;
mod request;
mod restart;
mod results;
mod retry;
mod revoke;
mod routing;
mod rust_client;
mod shutdown;
mod specs;
