//! What happens in a run.

use std::fmt;

use anyhow::{Error, bail};

/// What is broken, besides the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Only the workers are killed.
    Worker,
    /// The server is killed too, or stopped. It has everything on disk.
    Server,
    /// Connections are: by the server, cut, and on Redis half open.
    Connections,
}

impl Trouble {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Worker, Self::Server, Self::Connections];
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Worker => "worker",
            Self::Server => "server",
            Self::Connections => "connections",
        })
    }
}

impl std::str::FromStr for Trouble {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match Self::ALL.into_iter().find(|trouble| trouble.to_string() == text) {
            Some(trouble) => Ok(trouble),
            None => bail!("{text} is none of worker, server, connections"),
        }
    }
}

/// Where the messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broker {
    /// Redis or Valkey.
    Redis,
    /// A classic queue of RabbitMQ.
    Classic,
    /// A quorum queue of RabbitMQ.
    Quorum,
}

impl Broker {
    /// Those of RabbitMQ.
    pub const RABBITMQ: [Self; 2] = [Self::Classic, Self::Quorum];
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redis => "redis",
            Self::Classic => "classic",
            Self::Quorum => "quorum",
        })
    }
}

/// A run.
#[derive(Clone, Debug)]
pub struct Crash {
    /// Where the messages are.
    pub broker: Broker,
    /// How many tasks, half of them `async def`.
    pub tasks: usize,
    /// Decides when what happens.
    pub seed: u64,
    /// What is broken.
    pub trouble: Trouble,
    /// `lease_timeout` of the workers in seconds; `None` leaves the default.
    pub lease: Option<f64>,
}

impl Crash {
    /// How long a worker lives while the server does, in seconds from when it is ready.
    pub(super) fn life(&self) -> (f64, f64) {
        match (self.trouble, self.broker) {
            (Trouble::Worker, _) => (0.3, 2.0),
            (Trouble::Server, Broker::Redis) => (2.0, 6.0),
            // A node that has just started takes its time with everything.
            (Trouble::Server, Broker::Classic | Broker::Quorum) => (4.0, 12.0),
            (Trouble::Connections, _) => (3.0, 9.0),
        }
    }

    /// How long it is between two other troubles, in seconds.
    pub(super) fn interval(&self) -> Option<(f64, f64)> {
        match (self.trouble, self.broker) {
            (Trouble::Worker, _) => None,
            (Trouble::Server, Broker::Redis) => Some((1.0, 4.0)),
            (Trouble::Server, Broker::Classic | Broker::Quorum) => Some((3.0, 8.0)),
            (Trouble::Connections, _) => Some((0.3, 2.0)),
        }
    }
}
