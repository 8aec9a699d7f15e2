#![doc = include_str!("../README.md")]

mod address;
mod connection;
mod dial;
mod error;
mod events;
mod failure;
mod place;
mod pubsub;
mod route;
mod sentinel;
mod shown;
mod supervisor;
#[cfg(feature = "test-server")]
pub mod test_server;
mod tls;

pub use address::{Access, Address, Owner};
pub use connection::{Connection, Settings};
pub use error::{Error, Result};
pub use events::Events;
pub use place::{NO_PROVIDER, SCHEMES, is_ours};
pub use pubsub::PubSub;
pub use route::FailoverStrategy;
pub use shown::hide_password;
pub use tls::{TlsNames, TlsSettings};
