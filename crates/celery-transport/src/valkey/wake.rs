//! Waiting for messages without asking for them.
//!
//! A fetch that found too little has the server remember the keys (`CLIENT TRACKING`), and a write to one of them tells
//! once. When to look after that is for [`herd`](super::herd) to say.

use std::{sync::Arc, time::Duration};

use celery_valkey::{Connection, Events};
use fred::{
    interfaces::TrackingInterface,
    prelude::KeysInterface,
    types::{Key, MultipleStrings, client::Invalidation},
};
use tokio::{
    sync::broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    time::{Instant, sleep, sleep_until},
};

use super::{herd::Herd, look::Look};
use crate::{Error, Result};

/// How long to wait without asking: covers invalidations that never come (`FLUSHALL` clears the server's memory of the
/// keys).
const SAFETY_NET: Duration = Duration::from_secs(10);
/// How often to find out whether the server is there: what it has to say must not be waited for on a half-open connection.
const PROBE: Duration = Duration::from_secs(2);
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
    failures: Receiver<Arc<str>>,
    /// Why the connection broke, heard while waiting.
    failure: Option<Arc<str>>,
    tracking: Tracking,
    /// Messages may be there already: the last fetch got all it asked for, failed, or a wake-up came.
    may_have_more: bool,
    herd: Herd,
    look: Look,
    /// A push was told: when to look.
    look_at: Option<Instant>,
    /// It is looked because a push was told.
    told: bool,
}

impl Wake {
    pub(super) fn new(connection: &Connection) -> Self {
        Self {
            invalidations: connection.invalidations(),
            reconnects: connection.reconnects(),
            failures: connection.failures(),
            failure: None,
            tracking: Tracking::Off,
            may_have_more: true,
            herd: Herd::default(),
            look: Look::default(),
            look_at: None,
            told: false,
        }
    }

    /// Whether the connection is another one than at the last call: it forgot to track, and replies may be lost.
    pub(super) fn reconnected(&mut self) -> bool {
        let mut reconnected = false;
        drain(|| self.reconnects.try_recv(), |_| reconnected = true);
        if reconnected {
            self.forget();
        }
        reconnected
    }

    /// Why the connection broke, once, if that was heard while waiting and it is still down. A fetch would find out only
    /// after the time that a command may take.
    pub(super) fn take_failure(&mut self, connection: &Connection, reconnected: bool) -> Option<Arc<str>> {
        drain(|| self.failures.try_recv(), |_| {});
        self.failure.take().filter(|_| !(reconnected && connection.is_connected()))
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
        self.hear();
        self.look_at = None;
        self.may_have_more = true;
        Ok(self.tracking == Tracking::On)
    }

    /// The fetch ended well; `ran_dry` when it found less than it asked for, which was `found`.
    pub(super) fn fetched(&mut self, found: usize, ran_dry: bool) {
        self.may_have_more = !ran_dry;
        self.look = if ran_dry && self.tracking == Tracking::On { Look::nowhere() } else { Look::Everywhere };
        if std::mem::take(&mut self.told) {
            self.herd.looked(found > 0);
        }
    }

    /// Where the next fetch may find something. Until that has ended well, anywhere.
    pub(super) fn take_look(&mut self) -> Look {
        std::mem::take(&mut self.look)
    }

    /// What is known does not hold any more.
    pub(super) fn look_anew(&mut self) {
        self.may_have_more = true;
        self.look = Look::Everywhere;
    }

    /// The server does not track any more.
    fn forget(&mut self) {
        self.tracking = Tracking::Off;
        self.look = Look::Everywhere;
    }

    /// Takes note of what the server has told.
    fn hear(&mut self) {
        let look = &mut self.look;
        drain(
            || self.invalidations.try_recv(),
            |told| match told {
                Some(told) => look.told(&told),
                None => *look = Look::Everywhere,
            },
        );
    }

    /// Waits until a fetch may find something under `keys`; `peers` other workers wait for the same. When it is `certain`
    /// that a fetch finds nothing else, it is only asked now and then whether there is anything. Cancel-safe.
    pub(super) async fn ready(
        &mut self,
        connection: &Connection,
        keys: impl Fn() -> Vec<Key>,
        peers: u32,
        certain: bool,
    ) {
        if self.may_have_more && connection.is_connected() {
            return;
        }
        self.herd.count(peers);
        let most = match self.tracking {
            Tracking::On if !self.may_have_more => SAFETY_NET,
            _ => POLL,
        };
        let mut end = Instant::now() + most;
        let mut probe = Instant::now() + PROBE;
        loop {
            tokio::select! {
                received = self.invalidations.recv(), if self.look_at.is_none() => {
                    match received {
                        Ok(told) => self.look.told(&told),
                        // Something was told.
                        Err(RecvError::Lagged(_)) => self.look = Look::Everywhere,
                        Err(RecvError::Closed) => {
                            self.forget();
                            sleep(POLL).await;
                        }
                    }
                    let pause = self.herd.pause();
                    if !pause.is_zero() {
                        self.look_at = Some(Instant::now() + pause);
                        continue;
                    }
                    // Who is alone looks at once: a timer would take up to a millisecond for no pause at all.
                    self.told = true;
                }
                () = sleep_until(self.look_at.unwrap_or(end)), if self.look_at.is_some() => {
                    if self.herd.asks() && self.is_empty(connection, keys()).await {
                        self.look_at = None;
                        self.herd.looked(false);
                        continue;
                    }
                    self.told = true;
                }
                received = self.reconnects.recv() => {
                    self.forget();
                    if let Err(RecvError::Closed) = received {
                        self.reconnects = connection.reconnects();
                        sleep(POLL).await;
                    }
                }
                Ok(reason) = self.failures.recv() => self.failure = Some(reason),
                () = sleep_until(probe) => {
                    connection.probe();
                    probe += PROBE;
                    continue;
                }
                () = sleep_until(end), if self.look_at.is_none() => {
                    let tracks = self.tracking == Tracking::On && !self.may_have_more;
                    if certain && tracks && self.is_empty(connection, keys()).await {
                        end = Instant::now() + SAFETY_NET;
                        continue;
                    }
                    self.look = Look::Everywhere;
                }
            }
            break;
        }
        self.may_have_more = true;
    }

    /// Whether there is nothing under `keys`. Asked on the connection that is told of changes, so of the next one it is
    /// told again.
    async fn is_empty(&mut self, connection: &Connection, keys: Vec<Key>) -> bool {
        // What came before the question the answer will tell.
        self.hear();
        let is_empty = connection.client().exists::<u64, _>(keys).await.is_ok_and(|count| count == 0);
        if is_empty {
            self.look = Look::nowhere();
        }
        is_empty
    }
}

/// Empties the channel; `None` stands for events that were lost.
fn drain<T>(mut receive: impl FnMut() -> Result<T, TryRecvError>, mut each: impl FnMut(Option<T>)) {
    loop {
        match receive() {
            Ok(event) => each(Some(event)),
            Err(TryRecvError::Lagged(_)) => each(None),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return,
        }
    }
}
