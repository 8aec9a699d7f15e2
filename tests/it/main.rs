//! The end-to-end tests: real servers, real producers, real processes.

mod admission;
mod bad_input;
mod banner;
mod blocked;
mod canvas;
mod concurrency;
mod control;
mod crash;
mod eta;
mod events;
mod flags;
mod limits;
mod long;
mod page;
mod priorities;
mod random;
mod request;
mod restart;
mod results;
mod retry;
mod revoke;
mod routing;
mod rust_client;
mod shutdown;
mod specs;
mod twins;
