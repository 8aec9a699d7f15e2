//! The program around a worker of both kinds of task.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use celery_worker::{Conclusion, Ending, Host};

/// Rust concludes its own tasks; all else is Python's.
#[derive(Debug)]
pub(crate) struct Hosts {
    python: Arc<dyn Host>,
    /// Set when the worker is put together, before the first task ends.
    own: OnceLock<Arc<dyn Host>>,
    names: HashSet<String>,
}

impl Hosts {
    pub(super) fn new(python: Arc<dyn Host>, names: HashSet<String>) -> Self {
        Self { python, own: OnceLock::new(), names }
    }

    pub(super) fn connect(&self, own: Arc<dyn Host>) {
        let _ = self.own.set(own);
    }
}

#[async_trait]
impl Host for Hosts {
    fn commands(&self) -> Vec<String> {
        self.python.commands()
    }

    async fn command(&self, method: &str, arguments: &str) -> Option<Result<String, String>> {
        self.python.command(method, arguments).await
    }

    fn blocked(&self, index: usize, lag: Duration) {
        self.python.blocked(index, lag);
    }

    async fn conclude(&self, ending: Ending) -> Conclusion {
        match self.own.get().filter(|_| self.names.contains(&ending.task)) {
            Some(own) => own.conclude(ending).await,
            None => self.python.conclude(ending).await,
        }
    }
}
