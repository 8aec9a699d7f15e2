//! The worker as Python holds it: made from settings, run on a thread of its own, ended by signals.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use celery_executor::{EventReceiver, EventSender, JobId, Lane, Runner, events};
use celery_transport::{ConnectOptions, Queue, Transport};
use celery_worker::{Config, Exit, Host, LamportClock, Outbox, Shutdown, Worker};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use worker_cli::{Command, Interpreter, LogOptions, Parsed};

use crate::host::HostPort;
use crate::loop_port::LoopPort;
use crate::native::Native;
use crate::publish::{Parts, publication};
use crate::results;
use crate::settings::Settings;
use crate::thread_pool::ThreadPool;

/// What the engine's thread is given.
struct Start {
    settings: Settings,
    config: Config,
    transport: Arc<dyn Transport>,
    loops: Vec<Lane>,
    threads: Vec<Lane>,
    events: (EventSender, EventReceiver),
    /// The Rust tasks, if there are any.
    native: Option<Native>,
    host: Arc<dyn Host>,
    lamport: LamportClock,
    revoked: Arc<Mutex<Vec<String>>>,
}

/// A worker.
#[pyclass(frozen, module = "celery_oxide._engine")]
pub struct Engine {
    start: Mutex<Option<Start>>,
    ports: Vec<Py<LoopPort>>,
    pool: Py<ThreadPool>,
    host: Py<HostPort>,
    lamport: LamportClock,
    /// What was revoked when the worker ended.
    revoked: Arc<Mutex<Vec<String>>>,
    shutdown: Shutdown,
    outbox: Arc<Mutex<Option<Outbox>>>,
    thread: Mutex<Option<JoinHandle<Result<i32, String>>>>,
    phases: (UnixStream, UnixStream),
}

#[pymethods]
impl Engine {
    /// Makes a worker from the settings as JSON, starts logging and shows the banner.
    #[new]
    fn new(py: Python<'_>, settings: &str) -> PyResult<Self> {
        let settings = Settings::read(settings)?;
        let invalid = |error: celery_transport::Error| PyValueError::new_err(error.to_string());
        let log = LogOptions {
            level: settings.loglevel,
            file: settings.logfile.clone(),
            no_color: settings.no_color,
        };
        worker_cli::init_log(&log)?;

        let options = ConnectOptions::new(settings.broker_transport_options.clone(), &*settings.hostname)
            .with_priority_order(settings.priority_order()?)
            .with_use_ssl(settings.broker_use_ssl.clone())
            .with_failover_strategy(settings.broker_failover_strategy.clone())
            .with_login_method(settings.broker_login_method.clone())
            .with_heartbeat(Some(settings.broker_heartbeat.clone()))
            .with_connection_timeout(Some(settings.broker_connection_timeout.clone()));
        let in_process = celery_transport::memory::refuse;
        settings.broker_urls.iter().try_for_each(|url| in_process(url)).map_err(invalid)?;
        let transport = celery_transport::connect_all(&settings.broker_urls, &options).map_err(invalid)?;
        let mut config = settings.config()?;
        let native = Native::join(&mut config).map_err(|error| PyValueError::new_err(error.to_string()))?;
        if !settings.quiet {
            let names = native.as_ref().map(Native::names).unwrap_or_default();
            let banner = settings.banner(transport.as_uri(), names).to_string();
            // A closed standard output is no reason not to work.
            let _ = std::io::stdout().write_all(banner.as_bytes()).and_then(|()| std::io::stdout().flush());
        }

        let (sender, receiver) = events();
        let mut ports = Vec::new();
        let mut loops = Vec::new();
        let mut first = None;
        for _ in 0..settings.loop_workers.max(1) {
            let port = LoopPort::new(sender.clone())?;
            let runner = port.port();
            first.get_or_insert_with(|| Arc::clone(&runner));
            loops.push(Lane::new(runner as Arc<dyn Runner>, settings.loop_concurrency));
            ports.push(Py::new(py, port)?);
        }
        let first = first.ok_or_else(|| PyRuntimeError::new_err("a worker has at least one loop"))?;
        let pool = ThreadPool::new(sender.clone(), first, settings.sync_workers);
        let threads = vec![Lane::new(pool.pool() as Arc<dyn Runner>, settings.sync_workers)];
        let host = HostPort::new(settings.own_commands.clone());
        let lamport = LamportClock::at(settings.clock);
        let revoked = Arc::<Mutex<Vec<String>>>::default();
        let start = Start {
            settings,
            config,
            transport: Arc::from(transport),
            loops,
            threads,
            events: (sender, receiver),
            native,
            host: host.port(),
            lamport: lamport.clone(),
            revoked: Arc::clone(&revoked),
        };
        Ok(Self {
            start: Mutex::new(Some(start)),
            ports,
            pool: Py::new(py, pool)?,
            host: Py::new(py, host)?,
            lamport,
            revoked,
            shutdown: Shutdown::new(),
            outbox: Arc::default(),
            thread: Mutex::new(None),
            phases: UnixStream::pair()?,
        })
    }

    /// The ports of the event loops.
    #[getter]
    fn ports(&self, py: Python<'_>) -> Vec<Py<LoopPort>> {
        self.ports.iter().map(|port| port.clone_ref(py)).collect()
    }

    /// The pool of threads.
    #[getter]
    fn pool(&self, py: Python<'_>) -> Py<ThreadPool> {
        self.pool.clone_ref(py)
    }

    /// Where the worker asks Python.
    #[getter]
    fn host(&self, py: Python<'_>) -> Py<HostPort> {
        self.host.clone_ref(py)
    }

    /// What the logical clock shows.
    fn clock_value(&self) -> u64 {
        self.lamport.value()
    }

    /// Moves the logical clock on, and gives what it shows.
    fn clock_forward(&self) -> u64 {
        self.lamport.forward()
    }

    /// Moves the logical clock past `other`, and gives what it shows.
    fn clock_adjust(&self, other: u64) -> u64 {
        self.lamport.adjust(other)
    }

    /// What was revoked when the worker ended, the oldest first.
    fn revoked(&self) -> Vec<String> {
        lock(&self.revoked).clone()
    }

    /// Starts the engine's thread. Signals are the engine's from here on.
    fn start(&self) -> PyResult<()> {
        let start = lock(&self.start).take().ok_or_else(|| PyRuntimeError::new_err("started already"))?;
        let shutdown = self.shutdown.clone();
        let outbox = Arc::clone(&self.outbox);
        let phases = self.phases.0.try_clone()?;
        let thread = std::thread::Builder::new()
            .name(String::from("celery-engine"))
            .spawn(move || run(start, shutdown, &outbox, phases))?;
        *lock(&self.thread) = Some(thread);
        Ok(())
    }

    /// The descriptor from which one byte can be read for each phase (`r` ready, `w` warm, `c` cold, `x` ended).
    fn fileno(&self) -> i32 {
        self.phases.1.as_raw_fd()
    }

    /// Waits for the end and returns the exit code. Raises `OSError` with what ended the worker early.
    fn join(&self, py: Python<'_>) -> PyResult<i32> {
        let Some(thread) = lock(&self.thread).take() else { return Ok(0) };
        match py.detach(|| thread.join()) {
            Ok(Ok(code)) => Ok(code),
            Ok(Err(reason)) => Err(PyOSError::new_err(reason)),
            Err(_) => Err(PyRuntimeError::new_err("the engine stopped because of a bug; see the log")),
        }
    }

    /// Whether the process is to start again.
    fn wants_restart(&self) -> bool {
        self.shutdown.wants_restart()
    }

    /// Asks for a warm shutdown.
    fn stop(&self) {
        self.shutdown.warm();
    }

    /// Takes a message that the job `number` publishes; raises `OSError` when the outbox is full.
    #[expect(clippy::too_many_arguments, reason = "one flat call from Python")]
    fn publish(
        &self,
        number: u64,
        exchange: &str,
        exchange_type: &str,
        routing_key: &str,
        body: &[u8],
        content_type: &str,
        content_encoding: &str,
        headers: &str,
        properties: &str,
    ) -> PyResult<()> {
        let parts = Parts {
            exchange,
            exchange_type,
            routing_key,
            body,
            content_type,
            content_encoding,
            headers,
            properties,
        };
        let publication = publication(&parts)?;
        self.with_outbox(|outbox| outbox.publish(JobId(number), publication))
    }

    /// Declares a queue that a task is about to publish to.
    fn declare(&self, name: &str, exchange: &str, exchange_type: &str, routing_key: &str) -> PyResult<()> {
        let queue = Queue::named(name).bound_to(exchange, exchange_type, routing_key);
        self.with_outbox(|outbox| outbox.declare(queue))
    }

    /// Writes a log line, from Python code of the worker's own.
    fn log(&self, level: &str, message: &str) {
        match level {
            "error" => tracing::error!("{message}"),
            "warning" => tracing::warn!("{message}"),
            _ => tracing::info!("{message}"),
        }
    }
}

impl Engine {
    fn with_outbox(
        &self,
        put: impl FnOnce(&Outbox) -> Result<(), celery_worker::OutboxError>,
    ) -> PyResult<()> {
        let outbox = lock(&self.outbox);
        let outbox = outbox.as_ref().ok_or_else(|| PyOSError::new_err("the worker has not started"))?;
        put(outbox).map_err(|error| PyOSError::new_err(error.to_string()))
    }
}

/// The engine's thread. It never attaches to Python.
fn run(
    start: Start,
    shutdown: Shutdown,
    outbox: &Mutex<Option<Outbox>>,
    phases: UnixStream,
) -> Result<i32, String> {
    // Told when this function is left, also by a panic.
    let phases = Farewell(phases);
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work(start, shutdown, outbox, &phases.0)),
        Err(error) => Err(format!("cannot start the runtime: {error}")),
    }
}

struct Farewell(UnixStream);

impl Drop for Farewell {
    fn drop(&mut self) {
        tell(&self.0, b'x');
    }
}

async fn work(
    start: Start,
    shutdown: Shutdown,
    outbox: &Mutex<Option<Outbox>>,
    phases: &UnixStream,
) -> Result<i32, String> {
    let Start { settings, config, transport, mut loops, mut threads, events, native, host, lamport, revoked } =
        start;
    shutdown.on_signals().map_err(|error| format!("cannot install signal handlers: {error}"))?;
    let announced =
        tokio::spawn(announce(shutdown.clone(), phases.try_clone().map_err(|error| error.to_string())?));

    if settings.purge {
        purge(&config.queues, &*transport).await?;
    }
    let hosts = native.as_ref().map(|native| native.hosts(Arc::clone(&host)));
    let mut builder = Worker::builder(config, Arc::clone(&transport))
        .shutdown(shutdown.clone())
        .host(hosts.clone().map_or(host, |hosts| hosts as Arc<dyn Host>))
        .lamport(lamport)
        .revoked(&settings.revoked);
    let mut backend = None;
    if let Some(url) = &settings.result_backend {
        match results::open(url, &settings, &shutdown, &transport).await? {
            Some(results) => {
                backend = Some(Arc::clone(&results));
                builder = builder.results(results);
            }
            None => return Ok(Exit::Warm.code()),
        }
    }
    let worker = builder.build();
    *lock(outbox) = Some(worker.outbox());
    let (sender, receiver) = events;
    if let (Some(native), Some(hosts)) = (&native, &hosts) {
        native.connect(hosts, worker.outbox(), backend, transport);
        (loops, threads) = native
            .lanes((loops, threads), sender)
            .map_err(|error| format!("cannot start the loops of Rust tasks: {error}"))?;
    }
    let ended = worker.run(loops, threads, receiver).await;
    announced.abort();
    let ended = ended.map_err(|error| error.to_string())?;
    *lock(&revoked) = ended.revoked;
    Ok(ended.exit.code())
}

async fn purge(queues: &[Queue], transport: &dyn Transport) -> Result<(), String> {
    let mut purged = 0;
    for queue in queues {
        purged += transport.purge(queue).await.map_err(|error| error.to_string())?;
    }
    tracing::warn!("Purged {purged} messages from {} queues", queues.len());
    Ok(())
}

/// Tells Python's main thread each phase as it comes.
async fn announce(shutdown: Shutdown, phases: UnixStream) {
    let mut watch = shutdown.phases();
    while watch.changed().await.is_ok() {
        let phase = *watch.borrow_and_update();
        match phase {
            celery_worker::Phase::Ready => tell(&phases, b'r'),
            celery_worker::Phase::Warm => tell(&phases, b'w'),
            celery_worker::Phase::Cold => tell(&phases, b'c'),
            _ => {}
        }
    }
}

fn tell(mut phases: &UnixStream, phase: u8) {
    // The reader is the main thread of this process: it is there as long as the process is.
    let _ = phases.write_all(&[phase]);
}

/// A line for each given stock option that has no effect here; `options` as JSON.
#[pyfunction]
pub(crate) fn unsupported_options(options: &str) -> PyResult<Vec<String>> {
    let options = serde_json::from_str(options).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(worker_cli::unsupported(&options))
}

/// Reads a command line, and carries out what needs no app in the interpreter `executable`. Returns `("worker", options
/// as JSON)`, `("say", text, exit code)`, or `("done", exit code)`.
#[pyfunction]
pub(crate) fn run_command_line(
    py: Python<'_>,
    arguments: Vec<String>,
    executable: PathBuf,
) -> PyResult<Py<PyAny>> {
    match worker_cli::parse(arguments) {
        Parsed::Say { text, code } => Ok(("say", text, code).into_pyobject(py)?.into_any().unbind()),
        Parsed::Command(cli) => {
            let Command::Worker(worker) = &cli.command else {
                let code = py.detach(|| worker_cli::run(&cli, Some(Interpreter::at(executable))));
                return Ok(("done", code).into_pyobject(py)?.into_any().unbind());
            };
            let unsupported = worker_cli::unsupported(worker);
            let options = serde_json::json!({ "app": cli.app, "worker": worker, "unsupported": unsupported });
            Ok(("worker", options.to_string()).into_pyobject(py)?.into_any().unbind())
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
