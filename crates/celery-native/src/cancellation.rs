//! How a running task hears that it is to end.
//!
//! Protocol: whoever interrupts writes the reason first and fires the token then, if there is one. Whoever makes the token
//! puts it in its place first and reads the reason then. So a token fires whichever comes first, and a task that never
//! asks costs one byte.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio_util::sync::CancellationToken;

/// Why a task is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cancelled {
    /// Its soft time limit has passed.
    SoftLimit,
    /// Nobody listens to it any more: it was terminated, its hard time limit has passed, or the worker shuts down cold.
    Abandoned,
}

#[derive(Debug, Default)]
pub(crate) struct Cancellation {
    reason: AtomicU8,
    token: OnceLock<CancellationToken>,
}

const SOFT: u8 = 1;
const ABANDONED: u8 = 2;

impl Cancellation {
    pub(crate) fn fire(&self, reason: Cancelled) {
        let reason = match reason {
            Cancelled::SoftLimit => SOFT,
            Cancelled::Abandoned => ABANDONED,
        };
        self.reason.fetch_max(reason, Ordering::SeqCst);
        if let Some(token) = self.token.get() {
            token.cancel();
        }
    }

    pub(crate) fn reason(&self) -> Option<Cancelled> {
        match self.reason.load(Ordering::SeqCst) {
            0 => None,
            SOFT => Some(Cancelled::SoftLimit),
            _ => Some(Cancelled::Abandoned),
        }
    }

    pub(crate) fn token(&self) -> &CancellationToken {
        let token = self.token.get_or_init(CancellationToken::new);
        if self.reason().is_some() {
            token.cancel();
        }
        token
    }
}
