//! What the engine leaves to the program around it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use celery_results::ResultBackend;
use celery_scheduler::{Clock, Zone};
use celery_worker::{Conclusion, Ending, Host, Sender};

/// Concludes tasks.
#[derive(Debug)]
pub(crate) struct NativeHost {
    results: Option<Arc<dyn ResultBackend>>,
    zone: Zone,
    expires: Option<Duration>,
    clock: Arc<dyn Clock>,
    sender: OnceLock<Arc<Sender>>,
}

impl NativeHost {
    pub(crate) fn new(
        results: Option<Arc<dyn ResultBackend>>,
        zone: Zone,
        expires: Option<Duration>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { results, zone, expires, clock, sender: OnceLock::new() }
    }

    pub(crate) fn connect(&self, sender: Arc<Sender>) {
        let _ = self.sender.set(sender);
    }
}

#[async_trait]
impl Host for NativeHost {
    async fn command(&self, _: &str, _: &str) -> Option<Result<String, String>> {
        None
    }

    async fn conclude(&self, _: Ending) -> Conclusion {
        Conclusion::NotDone
    }
}
