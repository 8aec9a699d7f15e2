//! What a worker says of itself when it starts.

use std::fmt;

/// The start-up banner, in the shape of Celery's (`celery/apps/worker.py: BANNER`).
#[derive(Debug, Clone, Default)]
pub struct Banner {
    /// The node name.
    pub hostname: String,
    /// Versions, as in `Celery 5.7.0, CPython 3.13.0, Linux x86_64`.
    pub versions: String,
    /// The app and its module.
    pub app: String,
    /// The broker URL, the password hidden.
    pub transport: String,
    /// The result backend URL, the password hidden.
    pub results: String,
    /// Event loops.
    pub loop_workers: usize,
    /// Async tasks at once on each loop.
    pub loop_concurrency: usize,
    /// Threads for `def` tasks.
    pub sync_workers: usize,
    /// The queues.
    pub queues: Vec<QueueLine>,
    /// The tasks; Celery's own are not among them.
    pub tasks: Vec<TaskLine>,
}

/// A queue in the banner.
#[derive(Debug, Clone, Default)]
pub struct QueueLine {
    /// The name of the queue.
    pub name: String,
    /// Its exchange.
    pub exchange: String,
    /// The type of the exchange.
    pub exchange_type: String,
    /// The routing key.
    pub routing_key: String,
}

/// A task in the banner.
#[derive(Debug, Clone, Default)]
pub struct TaskLine {
    /// The registered name.
    pub name: String,
    /// `async` or `sync`.
    pub kind: String,
}

impl fmt::Display for Banner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = env!("CARGO_PKG_VERSION");
        writeln!(f, "\n -------------- {} celery-oxide v{version}", self.hostname)?;
        writeln!(f, " {}\n", self.versions)?;
        writeln!(f, " [config]")?;
        writeln!(f, " .> app:          {}", self.app)?;
        writeln!(f, " .> transport:    {}", self.transport)?;
        writeln!(f, " .> results:      {}", self.results)?;
        writeln!(f, " .> loop workers: {} x {} (async tasks)", self.loop_workers, self.loop_concurrency)?;
        writeln!(f, " .> sync workers: {} (sync tasks)", self.sync_workers)?;
        writeln!(f, "\n [queues]")?;
        let width = self.queues.iter().map(|queue| queue.name.len()).max().unwrap_or(0).max(16);
        for QueueLine { name, exchange, exchange_type, routing_key } in &self.queues {
            writeln!(f, " .> {name:width$} exchange={exchange}({exchange_type}) key={routing_key}")?;
        }
        writeln!(f, "\n [tasks]")?;
        let width = self.tasks.iter().map(|task| task.name.len()).max().unwrap_or(0);
        for TaskLine { name, kind } in &self.tasks {
            writeln!(f, "  . {name:width$}  {kind}")?;
        }
        Ok(())
    }
}
