//! Where the outcomes of Celery tasks are kept: the [`ResultStore`] trait and its drivers.
//!
//! | driver | URL | module |
//! |---|---|---|
//! | Valkey and Redis | `redis://`, `valkey://` | [`valkey`] |
//!
//! Architecture invariant: no type of a broker library appears in this crate's public API.

mod connect;
mod error;
mod store;
pub mod valkey;

pub use connect::{ConnectOptions, connect};
pub use error::{Error, Result};
pub use store::{ResultStore, StoreResult};
