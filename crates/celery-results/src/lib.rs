//! Where the outcomes of Celery tasks are kept: the traits [`ResultStore`] (workers), [`ResultReader`] (whoever awaits
//! tasks) and [`ChordStore`] (whoever completes chords), and their drivers.
//!
//! | driver | URL | module |
//! |---|---|---|
//! | the process itself | `memory://` | [`memory`] |
//! | Valkey and Redis | `redis://`, `rediss://`, `redis+socket://`, `sentinel://`, the same with `valkey` | [`valkey`] |
//! | the queue of whoever sent the task | `rpc://` | [`rpc`] |
//!
//! Architecture invariant: no type of a broker library appears in this crate's public API.

mod chords;
mod connect;
#[cfg(feature = "contract")]
#[expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test ends at the first thing that goes wrong"
)]
pub mod contract;
mod error;
pub mod memory;
mod reader;
pub mod rpc;
mod store;
pub mod valkey;
mod watch;

pub use chords::{ChordMembers, ChordPart, ChordStore};
pub use connect::{ConnectOptions, connect, connect_backend, connect_through};
pub use error::{Error, Result};
pub use reader::{ResultBackend, ResultReader};
pub use store::{ReplyAddress, ResultStore, StoreResult};
pub use watch::{Watch, Watched};
