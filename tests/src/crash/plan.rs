//! What happens in a run.

use std::fmt;

use anyhow::{Error, bail};

/// What is broken, besides the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Only the workers are killed.
    Worker,
    /// The server is killed too. It has everything on disk.
    Server,
    /// Connections are: by `CLIENT KILL`, cut, and half open.
    Connections,
}

impl Trouble {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Worker, Self::Server, Self::Connections];

    /// How long a worker lives, in seconds from when it is ready.
    pub(super) fn life(self) -> (f64, f64) {
        match self {
            Self::Worker => (0.3, 2.0),
            Self::Server => (2.0, 6.0),
            Self::Connections => (3.0, 9.0),
        }
    }

    /// How long it is between two other troubles, in seconds.
    pub(super) fn interval(self) -> Option<(f64, f64)> {
        match self {
            Self::Worker => None,
            Self::Server => Some((1.0, 4.0)),
            Self::Connections => Some((0.3, 2.0)),
        }
    }
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

/// A run.
#[derive(Clone, Debug)]
pub struct Crash {
    /// How many tasks, half of them `async def`.
    pub tasks: usize,
    /// Decides when what happens.
    pub seed: u64,
    /// What is broken.
    pub trouble: Trouble,
    /// `lease_timeout` of the workers in seconds; `None` leaves the default.
    pub lease: Option<f64>,
}
