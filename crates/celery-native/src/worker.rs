//! A worker, put together in the user's own code.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use celery_client::Signature;
use celery_executor::{Kind, events};
use celery_results::ResultBackend;
use celery_scheduler::{Clock, Timetable};
use celery_transport::Transport;
use celery_worker::{Config, Exit, Sender, Shutdown};

use crate::builder::{Results, WorkerBuilder};
use crate::follow::NativeHost;
use crate::periodic::Beat;
use crate::started::Started;
use crate::{Error, Executor, Mounted};

/// A worker of Rust tasks.
///
/// ```no_run
/// use celery_native::{Args, Error, TaskError, Tasks, Worker};
///
/// async fn add(Args((x, y)): Args<(i64, i64)>) -> Result<i64, TaskError> {
///     Ok(x + y)
/// }
///
/// fn main() -> Result<(), Error> {
///     Worker::builder()
///         .broker("redis://localhost/0")
///         .results("redis://localhost/0")
///         .tasks(Tasks::new().task("proj.add", add))
///         .run_blocking()?;
///     Ok(())
/// }
/// ```
pub struct Worker {
    pub(crate) config: Config,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) results: Option<Results>,
    pub(crate) mounted: Mounted,
    pub(crate) timetable: Timetable<Signature>,
    pub(crate) executor: Box<dyn Executor>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shutdown: Shutdown,
    pub(crate) signals: bool,
    pub(crate) banner: bool,
}

impl Worker {
    /// Starts putting a worker together.
    pub fn builder() -> WorkerBuilder {
        WorkerBuilder::default()
    }

    /// The name of its first queue.
    #[cfg(feature = "testing")]
    pub(crate) fn first_queue(&self) -> &str {
        self.config.queues.first().map_or("celery", |queue| queue.name.as_str())
    }

    /// The handle that ends it.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Runs it until it is shut down. The engine runs on this runtime, the tasks on threads of the executor.
    ///
    /// # Errors
    ///
    /// When the broker or the result backend cannot be used, or threads cannot be had.
    pub async fn run(self) -> Result<Exit, Error> {
        self.start().await?.run().await
    }

    /// Connects the result backend and makes the threads of the executor.
    pub(crate) async fn start(mut self) -> Result<Started, Error> {
        if self.signals {
            self.shutdown.on_signals()?;
        }
        let results = match self.results.take() {
            None => None,
            Some(Results::Given(backend)) => Some(backend),
            Some(Results::Url(url)) => {
                let options =
                    celery_results::ConnectOptions::new(serde_json::Map::new(), &*self.config.hostname);
                Some(celery_results::connect_through(&url, &options, &self.transport).await?)
            }
        };
        let (sender, events) = events();
        let lanes = self.executor.lanes(Arc::clone(self.mounted.table()), sender)?;
        if self.banner {
            // A closed standard output is no reason not to work.
            let _ = std::io::stdout().write_all(self.banner_text(results.as_ref()).as_bytes());
        }
        let (known, shutdown) = (self.config.following.clone(), self.shutdown.clone());
        let (zone, queues) = (self.config.zone.clone(), self.config.queues.clone());
        let expires = self.config.result_expires;
        let extended = self.config.result_extended.then(|| self.config.hostname.clone());
        let host = Arc::new(NativeHost::new(results.clone(), expires, extended));
        let mut builder = celery_worker::Worker::builder(self.config, Arc::clone(&self.transport))
            .clock(Arc::clone(&self.clock))
            .host(Arc::clone(&host) as Arc<dyn celery_worker::Host>)
            .shutdown(self.shutdown);
        if let Some(results) = &results {
            builder = builder.results(Arc::clone(results));
        }
        let worker = builder.build();
        let mut beat = None;
        if let Some(known) = known {
            let sender = Arc::new(Sender::new(
                known,
                zone,
                &queues,
                worker.outbox(),
                results,
                self.transport,
                Arc::clone(&self.clock),
            ));
            beat = Some(Beat {
                timetable: self.timetable,
                sender: Arc::clone(&sender),
                clock: self.clock,
                shutdown: shutdown.clone(),
            });
            host.connect(Arc::clone(&sender));
            self.mounted.connect(sender);
        }
        Ok(Started { worker, lanes, events, beat, shutdown })
    }

    fn banner_text(&self, results: Option<&Arc<dyn ResultBackend>>) -> String {
        let results = results.map_or_else(
            || String::from("disabled"),
            |results| celery_results::ResultStore::as_uri(&**results),
        );
        let mut text = format!(
            " -------------- {} celery-native v{}\n - transport:   {}\n - results:     {results}\n",
            self.config.hostname,
            env!("CARGO_PKG_VERSION"),
            self.transport.as_uri(),
        );
        let queues: Vec<&str> = self.config.queues.iter().map(|queue| queue.name.as_str()).collect();
        text.push_str(&format!(" - queues:      {}\n[tasks]\n", queues.join(", ")));
        for entry in self.mounted.table().entries() {
            let kind = if entry.kind == Kind::Sync { " (blocking)" } else { "" };
            text.push_str(&format!("  . {}{kind}\n", entry.name));
        }
        text
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("config", &self.config).finish_non_exhaustive()
    }
}
