//! Waiting for a broker or a result store that is away.

use std::fmt::Display;
use std::time::Duration;

/// An error of a server, which may pass by itself.
pub(crate) trait Passing: Display + Sync {
    /// Whether the same call may succeed later, without anybody changing anything.
    fn passes(&self) -> bool;
}

impl Passing for celery_transport::Error {
    fn passes(&self) -> bool {
        self.is_transient()
    }
}

impl Passing for celery_results::Error {
    fn passes(&self) -> bool {
        self.is_transient()
    }
}

/// Repeats `call` while the server is away, with a growing pause. Said once. The error is one that does not pass.
pub(crate) async fn until_answered<T, E, F>(what: &'static str, mut call: impl FnMut() -> F) -> Result<T, E>
where
    E: Passing,
    F: Future<Output = Result<T, E>>,
{
    let mut away = Away::new(what);
    loop {
        match call().await {
            Err(error) if error.passes() => away.pause(&error).await,
            answer => return answer,
        }
    }
}

/// A broker or a store that does not answer: said once, then waited for with growing pauses.
#[derive(Debug)]
pub(crate) struct Away {
    what: &'static str,
    pause: Duration,
    said: bool,
}

impl Away {
    /// `what` is what cannot be done meanwhile: "publish", "store results".
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, pause: Duration::from_millis(50), said: false }
    }

    pub(crate) async fn pause(&mut self, error: &(dyn Display + Sync)) {
        if !self.said {
            self.said = true;
            tracing::warn!("Cannot {} for now, trying again until the server is back: {error}", self.what);
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(2));
    }
}
