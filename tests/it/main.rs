//! The end-to-end tests: real servers, real producers, real processes.

mod bad_input;
mod banner;
mod canvas;
mod concurrency;
mod eta;
mod flags;
mod limits;
mod page;
mod priorities;
mod request;
mod restart;
mod results;
mod retry;
mod routing;
mod rust_client;
mod shutdown;
mod specs;
mod twins;
