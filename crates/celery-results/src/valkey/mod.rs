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
//!
//! # What a part of a chord costs
//!
//! One script for each, sent together with those of other parts: `SADD`, `ZADD`, `ZCARD`, four `EXPIRE` and three `GET`,
//! as Celery 5.7 does. The last part reads all of them and costs two scripts more.
//!
//! # What a watch costs
//!
//! Watches that begin together share the commands: for up to 256 of them one `SUBSCRIBE`, `PING` and `MGET`, and for up
//! to 512 that end one `UNSUBSCRIBE` and `PING`. Waiting costs a `PING` every 10 seconds for all of them. A connection
//! that was lost, and results that were published faster than they were heard, cost a `MGET` of what is watched.

mod chords;
mod driver;
mod failure;
mod keys;
mod options;
mod reader;
mod reply;
mod watcher;
mod watches;

pub use celery_valkey::{SCHEMES, hide_password, is_ours};
pub use driver::Valkey;
