//! How a worker is to be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use celery_client::Sendable;
use celery_executor::Limits;
use celery_results::ResultBackend;
use celery_scheduler::{Clock, Schedule, SystemClock};
use celery_transport::{Queue, Transport};
use celery_worker::{Config, Exit, Shutdown};
use tower_layer::Layer;
use tower_service::Service;

use crate::following::following;
use crate::periodic::{self, Periodic};
use crate::service::TaskService;
use crate::{
    Error, Executor, Hooks, IntoTaskError, TaskRequest, TaskResponse, Tasks, TokioExecutor, Worker, builtin,
};

/// Where messages come from.
enum Broker {
    Url(String),
    Given(Arc<dyn Transport>),
}

/// Where results are kept.
pub(crate) enum Results {
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
    periodic: Vec<Periodic>,
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
            periodic: Vec::new(),
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

    /// Sends `call` by `schedule`: a `Duration`, an [`Every`](crate::scheduler::Every), a
    /// [`Crontab`](crate::scheduler::Crontab) or a schedule of your own. Names are for the log, each for one entry.
    ///
    /// Give a timetable to one worker of a fleet, as there is to be one `celery beat`: each worker that has it sends its
    /// calls. It is kept in memory: an interval counts from when the worker is built, and what was due while there was
    /// no worker is not sent. What became due while the worker was held up or the broker was away is sent once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use celery_native::{Error, Signature, Worker};
    /// use celery_native::scheduler::{Crontab, Zone};
    ///
    /// # fn main() -> Result<(), Error> {
    /// let berlin = Zone::named("Europe/Berlin").unwrap_or_default();
    /// let worker = Worker::builder()
    ///     .periodic("sweep", Duration::from_secs(30), Signature::new("proj.sweep"))
    ///     .periodic(
    ///         "morning report",
    ///         Crontab::new().minute(30)?.hour(7)?.day_of_week("mon-fri")?.in_zone(berlin),
    ///         Signature::new("proj.report").args(("morning",)).queue("reports"),
    ///     );
    /// # let _ = worker;
    /// # Ok(())
    /// # }
    /// ```
    pub fn periodic(
        mut self,
        name: impl Into<String>,
        schedule: impl Schedule + 'static,
        call: impl Sendable,
    ) -> Self {
        let (name, call) = (name.into(), call.into_signature());
        self.periodic.push(Periodic { name, schedule: Box::new(schedule), call });
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

    /// The clock that ETAs, expiries and schedules are read on. Waiting is by the system's: a clock that stands still
    /// brings nothing due.
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
        let tasks = std::mem::take(&mut self.tasks);
        if tasks.names().next().is_none() {
            return Err(Error::NoTasks);
        }
        let mounted = builtin::with_builtins(tasks).mount(self.limits, self.hooks)?;
        if self.queues.is_empty() {
            self.queues.push(Queue::named("celery"));
        }
        let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        let hostname = self.hostname.take().unwrap_or_else(|| format!("celery@{}", host()));
        let mut config = Config::new(hostname, self.queues.clone(), mounted.specs().to_vec());
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
        let following = Arc::new(following(&config, &mounted, &self.routes));
        let timetable = periodic::timetable(std::mem::take(&mut self.periodic), &*self.clock)?;
        config.following.get_or_insert(following);
        Ok(Worker {
            config,
            transport,
            results: self.results,
            mounted,
            timetable,
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
