//! The driver for Valkey and Redis 6.2 or later, wire compatible with Celery's Redis result backend.
//!
//! A result is the string `celery-task-meta-<task id>`, and a message on the channel of the same name: readers subscribe
//! to it before they look, so a result that is stored and not published is never seen by `AsyncResult.get()`.
//!
//! # What a task costs
//!
//! One script for up to 256 results (or 1 MiB of them): 1/256 round trip, and the commands `GETRANGE`, `SET` and
//! `PUBLISH` for each result, as many as Celery's `GET`, `SETEX` and `PUBLISH` with their two round trips. The bytes of a
//! result are copied once, into the write buffer of the connection.

mod address;
mod connection;
mod driver;
mod failure;
mod options;

pub use address::hide_password;
pub use driver::Valkey;
