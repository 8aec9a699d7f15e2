//! The faults.

use std::fmt;
use std::time::Duration;

use anyhow::{Error, bail};

/// Something that happens to a worker's server, or to the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server is killed, and starts again with its data.
    Restart,
    /// The master is killed, and Sentinel makes the replica the master.
    Failover,
    /// `CLIENT KILL`.
    Kill,
    /// What is sent arrives, and nothing comes back; new connections are accepted, and nothing is heard on them.
    HalfOpen,
    /// `CLIENT PAUSE`.
    Pause,
    /// The server becomes a replica of one that is not there.
    ReadOnly,
    /// The server reads its data.
    Loading,
    /// `SCRIPT FLUSH`.
    ScriptFlush,
    /// `maxmemory` is reached.
    OutOfMemory,
}

impl Fault {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::Restart,
        Self::Failover,
        Self::Kill,
        Self::HalfOpen,
        Self::Pause,
        Self::ReadOnly,
        Self::Loading,
        Self::ScriptFlush,
        Self::OutOfMemory,
    ];

    /// Whether it takes a while.
    pub(super) fn lasts(self) -> bool {
        !matches!(self, Self::Kill | Self::ScriptFlush)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restart => "restart",
            Self::Failover => "failover",
            Self::Kill => "client-kill",
            Self::HalfOpen => "half-open",
            Self::Pause => "client-pause",
            Self::ReadOnly => "read-only",
            Self::Loading => "loading",
            Self::ScriptFlush => "script-flush",
            Self::OutOfMemory => "out-of-memory",
        })
    }
}

impl std::str::FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match Self::ALL.into_iter().find(|fault| fault.to_string() == text) {
            Some(fault) => Ok(fault),
            None => bail!("{text} is none of {}", Self::ALL.map(|fault| fault.to_string()).join(", ")),
        }
    }
}

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long a fault lasts.
    pub down: Duration,
    /// How long the tasks take that run when a fault begins; less than it lasts, so that they end meanwhile.
    pub through: Duration,
    /// `socket_timeout` of both connections; `None` leaves the default.
    pub socket_timeout: Option<Duration>,
}
