//! A worker, put together in the user's own code.

use std::collections::HashSet;
use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use celery_executor::{Kind, Limits, events};
use celery_protocol::Value;
use celery_protocol::canvas::Encoding;
use celery_protocol::result::ChordExpiry;
use celery_results::ResultBackend;
use celery_scheduler::{Clock, SystemClock};
use celery_transport::{Queue, Transport};
use celery_worker::{Config, Exit, Following, Phase, Sender, Shutdown, Target};
use tower_layer::Layer;
use tower_service::Service;
use uuid::Uuid;

use crate::definition::Entry;
use crate::follow::NativeHost;
use crate::service::TaskService;
use crate::{
    Error, Executor, Hooks, IntoTaskError, Lanes, TaskRequest, TaskResponse, TaskTable, Tasks, TokioExecutor,
    builtin,
};

/// Where messages come from.
enum Broker {
    Url(String),
    Given(Arc<dyn Transport>),
}

/// Where results are kept.
enum Results {
    Url(String),
    Given(Arc<dyn ResultBackend>),
}

/// Changes the configuration of the engine.
type Change = Box<dyn FnOnce(&mut Config) + Send>;

/// Says how a [`Worker`] is to be. From [`Worker::builder`].
#[must_use = "a builder does nothing until `run`"]
pub struct WorkerBuilder {
    broker: Option<Broker>,
    results: Option<Results>,
    tasks: Tasks,
    queues: Vec<Queue>,
    routes: Vec<(String, String)>,
    hostname: Option<String>,
    executor: Option<Box<dyn Executor>>,
    tokio: TokioExecutor,
    limits: Limits,
    hooks: Hooks,
    changes: Vec<Change>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    signals: bool,
    banner: bool,
}

impl Default for WorkerBuilder {
    fn default() -> Self {
        Self {
            broker: None,
            results: None,
            tasks: Tasks::new(),
            queues: Vec::new(),
            routes: Vec::new(),
            hostname: None,
            executor: None,
            tokio: TokioExecutor::new(),
            limits: Limits::default(),
            hooks: Hooks::new(),
            changes: Vec::new(),
            clock: Arc::new(SystemClock),
            shutdown: Shutdown::new(),
            signals: true,
            banner: false,
        }
    }
}

impl WorkerBuilder {
    /// The URL of the broker, as Celery's `broker_url`.
    pub fn broker(mut self, url: impl Into<String>) -> Self {
        self.broker = Some(Broker::Url(url.into()));
        self
    }

    /// A broker of any kind, instead of one by URL.
    pub fn transport(mut self, transport: impl Into<Arc<dyn Transport>>) -> Self {
        self.broker = Some(Broker::Given(transport.into()));
        self
    }

    /// The URL of the result backend, as Celery's `result_backend`: with `rpc://` results go to whoever sent the tasks.
    /// Without one no results are kept.
    pub fn results(mut self, url: impl Into<String>) -> Self {
        self.results = Some(Results::Url(url.into()));
        self
    }

    /// A result backend of any kind, instead of one by URL.
    pub fn result_backend(mut self, backend: Arc<dyn ResultBackend>) -> Self {
        self.results = Some(Results::Given(backend));
        self
    }

    /// Adds tasks.
    pub fn tasks(mut self, tasks: Tasks) -> Self {
        self.tasks = self.tasks.merge(tasks);
        self
    }

    /// The names of the queues to consume from: `celery`. The first one is where tasks of this worker send others.
    pub fn queues(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.queues.extend(names.into_iter().map(Queue::named));
        self
    }

    /// A queue to consume from, with its exchange and arguments.
    pub fn queue(mut self, queue: Queue) -> Self {
        self.queues.push(queue);
        self
    }

    /// Where tasks of other workers go when they are sent from this one: names that match the shell pattern go to this
    /// queue (`task_routes`). Tasks that no route matches go to the first queue of this worker.
    pub fn route(mut self, pattern: impl Into<String>, queue: impl Into<String>) -> Self {
        self.routes.push((pattern.into(), queue.into()));
        self
    }

    /// The node name: `celery@` and the name of the host.
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.hostname = Some(name.into());
        self
    }

    /// How many loops run `async fn` tasks, each on a thread: 1.
    pub fn loops(mut self, loops: usize) -> Self {
        self.tokio = self.tokio.loops(loops);
        self
    }

    /// How many `async fn` tasks run at once on each loop: 100.
    pub fn concurrency(mut self, slots: usize) -> Self {
        self.tokio = self.tokio.concurrency(slots);
        self
    }

    /// How many blocking tasks run at once, each on a thread: as many as there are CPUs.
    pub fn threads(mut self, threads: usize) -> Self {
        self.tokio = self.tokio.threads(threads);
        self
    }

    /// An executor of your own. [`loops`](Self::loops), [`concurrency`](Self::concurrency) and
    /// [`threads`](Self::threads) are for the worker's own.
    pub fn executor(mut self, executor: impl Executor + 'static) -> Self {
        self.executor = Some(Box::new(executor));
        self
    }

    /// The soft time limit of tasks that have none (`task_soft_time_limit`).
    pub fn soft_time_limit(mut self, limit: Duration) -> Self {
        self.limits.soft = Some(limit);
        self
    }

    /// The hard time limit of tasks that have none (`task_time_limit`).
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limits.hard = Some(limit);
        self
    }

    /// What is called around tasks.
    pub fn hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    /// Puts a layer around each task that was added so far.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<TaskService> + Clone + Send + 'static,
        L::Service: Service<TaskRequest, Response = TaskResponse> + Clone + Send + Sync + 'static,
        <L::Service as Service<TaskRequest>>::Error: IntoTaskError,
        <L::Service as Service<TaskRequest>>::Future: Send,
    {
        self.tasks = self.tasks.layer(layer);
        self
    }

    /// The clock that ETAs and expiries are read on.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Changes any other setting of the engine.
    pub fn configure(mut self, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// The handle that ends the worker.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Leaves the signals of the process alone. Otherwise TERM and INT end the worker: warm, and cold when they come again.
    pub fn without_signals(mut self) -> Self {
        self.signals = false;
        self
    }

    /// Shows what the worker is on standard output when it starts.
    pub fn banner(mut self) -> Self {
        self.banner = true;
        self
    }

    /// The worker. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`Error`] says what is missing or was registered wrongly.
    pub fn build(mut self) -> Result<Worker, Error> {
        let broker = self.broker.take().ok_or(Error::NoBroker)?;
        let definitions = std::mem::take(&mut self.tasks).into_definitions();
        if definitions.is_empty() {
            return Err(Error::NoTasks);
        }
        let own = definitions.iter().any(|task| task.name() == builtin::ACCUMULATE);
        let builtin = (!own).then(builtin::accumulate);
        let entries = definitions
            .into_iter()
            .chain(builtin)
            .map(|task| task.finish())
            .collect::<Result<Vec<_>, _>>()?;
        let mut names = HashSet::new();
        if let Some(twice) = entries.iter().find(|entry| !names.insert(Arc::clone(&entry.name))) {
            return Err(Error::Twice(twice.name.to_string()));
        }
        if self.queues.is_empty() {
            self.queues.push(Queue::named("celery"));
        }
        let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        let hostname = self.hostname.take().unwrap_or_else(|| format!("celery@{}", host()));
        let specs = entries.iter().map(|entry| entry.spec(self.limits)).collect();
        let mut config = Config::new(hostname, self.queues.clone(), specs);
        config.accept_content =
            ["application/json", "application/x-msgpack", "application/x-yaml"].map(str::to_owned).into();
        for change in std::mem::take(&mut self.changes) {
            change(&mut config);
        }
        let transport = match broker {
            Broker::Given(transport) => transport,
            Broker::Url(url) => {
                let options =
                    celery_transport::ConnectOptions::new(serde_json::Map::new(), &*config.hostname);
                Arc::from(celery_transport::connect(&url, &options)?)
            }
        };
        let following = Arc::new(following(&config, &entries, &self.routes));
        config.following.get_or_insert(following);
        Ok(Worker {
            config,
            transport,
            results: self.results,
            table: Arc::new(TaskTable::new(entries, self.hooks)),
            executor: self.executor.unwrap_or_else(|| Box::new(self.tokio)),
            clock: self.clock,
            shutdown: self.shutdown,
            signals: self.signals,
            banner: self.banner,
        })
    }

    /// Runs the worker until it is shut down.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build), and when the broker or the result backend cannot be used.
    pub async fn run(self) -> Result<Exit, Error> {
        self.build()?.run().await
    }

    /// Runs the worker until it is shut down, on a runtime of its own on this thread.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_blocking(self) -> Result<Exit, Error> {
        let worker = self.build()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ended = runtime.block_on(worker.run());
        runtime.shutdown_background();
        ended
    }
}

impl fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerBuilder")
            .field("tasks", &self.tasks)
            .field("queues", &self.queues)
            .finish_non_exhaustive()
    }
}

/// What is known of sending tasks from here: to the first queue, unless a task has one of its own.
fn following(config: &Config, entries: &[Entry], routes: &[(String, String)]) -> Following {
    let pid = std::process::id();
    let node = config.hostname.split_once('@').map_or(&*config.hostname, |(_, host)| host);
    let mut known = Following::new(Encoding::json(format!("gen{pid}@{node}"), Uuid::new_v4().to_string()));
    let first = config.queues.first().cloned().unwrap_or_else(|| Queue::named("celery"));
    let queues = config.queues.iter().chain(&config.known_queues);
    known.queues = queues.map(|queue| (queue.name.clone(), queue.clone())).collect();
    for entry in entries {
        let own = entry.settings.queue.as_ref();
        let mut target = Target::new(own.map_or_else(|| first.clone(), |name| named(&known, name)));
        target.takes = entry.signature.parameters.takes();
        let spec = config.tasks.iter().find(|spec| spec.name == entry.name);
        if let Some(spec) = spec {
            target.options.push((String::from("ignore_result"), Value::Bool(spec.ignore_result)));
        }
        known.targets.insert(Arc::clone(&entry.name), target);
    }
    let routes = routes.iter();
    known.routes =
        routes.map(|(pattern, queue)| (pattern.clone(), Target::new(named(&known, queue)))).collect();
    known.unrouted = Some(Target::new(first));
    let kept = config.result_expires.map_or(0, |expires| expires.as_secs());
    known.chord_expiry = ChordExpiry::new(kept, None);
    known.chord_claim = ChordExpiry::claim(Some(3.0));
    known.alone = true;
    known
}

/// The queue of this name, as it is known.
fn named(known: &Following, name: &str) -> Queue {
    known.queues.get(name).cloned().unwrap_or_else(|| Queue::named(name))
}

/// Says how far a shutdown is, as Celery's signal handlers do (`celery/apps/worker.py: _shutdown_handler`).
async fn announce(shutdown: Shutdown) {
    let mut phases = shutdown.phases();
    while phases.changed().await.is_ok() {
        match *phases.borrow_and_update() {
            Phase::Warm => tracing::warn!("worker: Warm shutdown (MainProcess)"),
            Phase::Cold => tracing::warn!("worker: Cold shutdown (MainProcess)"),
            Phase::Starting | Phase::Ready | Phase::Soft => {}
        }
    }
}

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
    config: Config,
    transport: Arc<dyn Transport>,
    results: Option<Results>,
    table: Arc<TaskTable>,
    executor: Box<dyn Executor>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    signals: bool,
    banner: bool,
}

impl Worker {
    /// Starts putting a worker together.
    pub fn builder() -> WorkerBuilder {
        WorkerBuilder::default()
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
    pub async fn run(mut self) -> Result<Exit, Error> {
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
        let (sender, receiver) = events();
        let Lanes { loops, threads } = self.executor.lanes(Arc::clone(&self.table), sender)?;
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
        if let Some(known) = known {
            let sender =
                Sender::new(known, zone, &queues, worker.outbox(), results, self.transport, self.clock);
            let sender = Arc::new(sender);
            host.connect(Arc::clone(&sender));
            self.table.connect(sender);
        }
        let announcing = tokio::spawn(announce(shutdown));
        let ended = worker.run(loops, threads, receiver).await;
        announcing.abort();
        Ok(ended?.exit)
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
        for entry in self.table.entries() {
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
