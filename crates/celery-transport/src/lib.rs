//! How Celery messages move: the [`Transport`] traits and their drivers.
//!
//! A [`Transport`] opens a consumer (a [`Consumer`] that fetches and an [`Acknowledger`] that settles), a
//! [`Publisher`], for fanout exchanges a [`Subscription`], and an [`Asker`] for what is answered. The traits are
//! object-safe because the broker URL chooses the driver at run time: see [`connect()`].
//!
//! | driver | URL | module |
//! |---|---|---|
//! | RabbitMQ | `amqp://`, `amqps://`, `pyamqp://` | [`amqp`] |
//! | the process itself | `memory://` | [`memory`] |
//! | Valkey and Redis | `redis://`, `rediss://`, `redis+socket://`, `sentinel://`, the same with `valkey` | [`valkey`] |
//!
//! Architecture invariant: no type of a broker library appears in this crate's public API.

pub mod amqp;
mod asker;
mod binding;
mod connect;
#[cfg(feature = "contract")]
#[expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test ends at the first thing that goes wrong"
)]
pub mod contract;
mod counters;
mod declaration;
mod delivery;
mod error;
mod mailbox;
pub mod memory;
mod own_queue;
mod parked;
mod priority;
mod queue;
mod several;
mod statistics;
mod subscription;
mod topic;
mod transport;
pub mod valkey;

pub use asker::Asker;
pub use binding::Binding;
pub use connect::{ConnectOptions, connect, connect_all};
pub use declaration::{Declaration, ExchangeDeclaration, ExtraBinding};
pub use delivery::{Delivery, DeliveryTag, Settlement, Undecodable};
pub use error::{Error, Result};
pub use mailbox::{Answers, Mailbox};
pub use parked::Parked;
pub use priority::PriorityOrder;
pub use queue::Queue;
pub use several::Several;
pub use statistics::Statistics;
pub use subscription::{Broadcast, Subscription};
pub use transport::{Acknowledger, Consumer, Publication, Publisher, Transport, Unroutable};
