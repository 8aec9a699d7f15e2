//! Waiting for messages without asking for them.

use std::time::Duration;

use celery_valkey::{Connection, Events};
use fred::{
    interfaces::TrackingInterface,
    types::{MultipleStrings, client::Invalidation},
};
use tokio::{
    sync::broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    time::sleep,
};

use crate::{Error, Result};

/// How long to wait at most: covers invalidations that never come (`FLUSHALL` clears the server's memory of the keys).
const SAFETY_NET: Duration = Duration::from_secs(10);
/// How often to ask a server that refuses `CLIENT TRACKING`.
const POLL: Duration = Duration::from_secs(1);

/// Whether the server tells when the lists change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tracking {
    Off,
    On,
    Refused,
}

/// Knows when a fetch may find something.
pub(super) struct Wake {
    invalidations: Events<Invalidation>,
    reconnects: Receiver<()>,
    tracking: Tracking,
    /// Messages may be there already: the last fetch got all it asked for, failed, or a wake-up came.
    may_have_more: bool,
}

impl Wake {
    pub(super) fn new(connection: &Connection) -> Self {
        Self {
            invalidations: connection.invalidations(),
            reconnects: connection.reconnects(),
            tracking: Tracking::Off,
            may_have_more: true,
        }
    }

    /// Whether the connection is another one than at the last call: it forgot to track, and replies may be lost.
    pub(super) fn reconnected(&mut self) -> bool {
        let reconnected = drain(|| self.reconnects.try_recv());
        if reconnected {
            self.tracking = Tracking::Off;
        }
        reconnected
    }

    /// Gets ready for a fetch; whether the fetch is to have the lists tracked.
    pub(super) async fn prepare(&mut self, connection: &Connection) -> Result<bool> {
        if self.tracking == Tracking::Off {
            // NOLOOP: the pops of our own fetches are no news.
            let client = connection.client();
            let started =
                client.start_tracking(MultipleStrings::from(Vec::<String>::new()), false, false, false, true);
            self.tracking = match started.await.map_err(|error| Error::from(connection.error(&error))) {
                Ok(()) => Tracking::On,
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    tracing::warn!(
                        "CLIENT TRACKING cannot be used ({error}); looking for messages every {POLL:?}"
                    );
                    Tracking::Refused
                }
            };
        }
        // What came before this fetch the fetch will see.
        drain(|| self.invalidations.try_recv());
        self.may_have_more = true;
        Ok(self.tracking == Tracking::On)
    }

    /// The fetch ended well; `ran_dry` when it found less than it asked for.
    pub(super) fn fetched(&mut self, ran_dry: bool) {
        self.may_have_more = !ran_dry;
    }

    /// Waits until a fetch may find something.
    pub(super) async fn ready(&mut self, connection: &Connection) {
        if self.may_have_more && connection.is_connected() {
            return;
        }
        let most = match self.tracking {
            Tracking::On if !self.may_have_more => SAFETY_NET,
            _ => POLL,
        };
        tokio::select! {
            received = self.invalidations.recv() => {
                // Lagged is a wake-up as well.
                if let Err(RecvError::Closed) = received {
                    sleep(POLL).await;
                }
            }
            received = self.reconnects.recv() => {
                self.tracking = Tracking::Off;
                if let Err(RecvError::Closed) = received {
                    self.reconnects = connection.reconnects();
                    sleep(POLL).await;
                }
            }
            () = sleep(most) => {}
        }
        self.may_have_more = true;
    }
}

/// Empties the channel; whether there was anything in it.
fn drain<T>(mut receive: impl FnMut() -> Result<T, TryRecvError>) -> bool {
    let mut any = false;
    loop {
        match receive() {
            Ok(_) | Err(TryRecvError::Lagged(_)) => any = true,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return any,
        }
    }
}
