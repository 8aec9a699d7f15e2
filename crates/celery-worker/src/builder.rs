//! A worker, put together from its parts.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use celery_executor::{EventReceiver, Executor, Kind, Lane};
use celery_protocol::control::pidbox_exchange;
use celery_results::ResultBackend;
use celery_scheduler::{Clock, DueQueue, Revoked, SystemClock};
use celery_transport::{Acknowledger, Consumer, Publisher, Subscription, Transport};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::complete::{Completer, settle_at_once};
use crate::consumed::Consumed;
use crate::control::{self, Panel};
use crate::credit::{Credit, Policy};
use crate::engine::{Ask, Engine, Probe, Watch};
use crate::events::{self, Dispatcher, Gauges, Heartbeat, Origin};
use crate::fetch::Fetcher;
use crate::follow::Follower;
use crate::holdings::Holdings;
use crate::host::Host;
use crate::intake::Intake;
use crate::mingle::Neighbors;
use crate::outbox::{self, Outbox, OutboxReceiver};
use crate::parking::Parking;
use crate::rates::RateLimits;
use crate::report::Reporter;
use crate::{Config, Error, Exit, LamportClock, Phase, Result, Shutdown, gossip};

/// Gathers the parts of a [`Worker`].
#[derive(Debug)]
pub struct WorkerBuilder {
    config: Config,
    transport: Arc<dyn Transport>,
    results: Option<Arc<dyn ResultBackend>>,
    host: Option<Arc<dyn Host>>,
    clock: Arc<dyn Clock>,
    lamport: LamportClock,
    revoked: Revoked,
    shutdown: Shutdown,
}

impl WorkerBuilder {
    /// Where results are kept; without it none are.
    #[must_use]
    pub fn results(mut self, results: Arc<dyn ResultBackend>) -> Self {
        self.results = Some(results);
        self
    }

    /// The program around the worker.
    #[must_use]
    pub fn host(mut self, host: Arc<dyn Host>) -> Self {
        self.host = Some(host);
        self
    }

    /// The clock that ETAs and expiries are read on.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The logical clock of events and commands, which the program around the worker may move as well.
    #[must_use]
    pub fn lamport(mut self, lamport: LamportClock) -> Self {
        self.lamport = lamport;
        self
    }

    /// The ids that are revoked from the start (`--statedb`), the oldest first.
    #[must_use]
    pub fn revoked(mut self, ids: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let now = self.clock.now();
        for id in ids {
            self.revoked.add(id.as_ref(), now);
        }
        self
    }

    /// The handle that ends the worker.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// The worker. Nothing is connected yet.
    pub fn build(self) -> Worker {
        let (outbox, sending) = Outbox::new(self.config.outbox_capacity);
        let (asking, asks) = mpsc::channel(MOST_ASKED);
        Worker { parts: self, outbox, sending, asking, asks }
    }
}

/// A worker, ready to run.
pub struct Worker {
    parts: WorkerBuilder,
    outbox: Outbox,
    sending: OutboxReceiver,
    asking: mpsc::Sender<Ask>,
    asks: mpsc::Receiver<Ask>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("parts", &self.parts).finish_non_exhaustive()
    }
}

/// How a worker ended, and what it leaves.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ended {
    /// How it ended.
    pub exit: Exit,
    /// The ids that are revoked, the oldest first: to be kept for the next start (`--statedb`).
    pub revoked: Vec<String>,
}

impl Worker {
    /// Starts putting a worker together.
    pub fn builder(config: Config, transport: impl Into<Arc<dyn Transport>>) -> WorkerBuilder {
        WorkerBuilder {
            revoked: Revoked::new(config.revokes_max, config.revoke_expires),
            config,
            transport: transport.into(),
            results: None,
            host: None,
            clock: Arc::new(SystemClock),
            lamport: LamportClock::default(),
            shutdown: Shutdown::new(),
        }
    }

    /// Where tasks put what they publish.
    pub fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// What asks it whether anything goes on, while it runs.
    pub fn probe(&self) -> Probe {
        Probe(self.asking.clone())
    }

    /// Runs until it is shut down, on lanes whose runners report to `events`.
    ///
    /// # Errors
    ///
    /// When the broker cannot be used, or does not come back in time.
    pub async fn run(self, loops: Vec<Lane>, threads: Vec<Lane>, events: EventReceiver) -> Result<Ended> {
        let Self { parts, outbox, sending, asking, asks } = self;
        let WorkerBuilder { config, transport, results, host, clock, lamport, mut revoked, shutdown } = parts;
        let config = Arc::new(config);
        let connected = tokio::select! {
            connected = connect(&config, &*transport) => connected?,
            () = shutdown.reached(Phase::Warm) => {
                return Ok(Ended { exit: Exit::Warm, revoked: revoked.ids() });
            }
        };
        let Connected { consumer, acknowledger, publisher, commands, workers } = connected;

        let dispatcher = dispatcher(&config, &clock, &lamport);
        let gauges = Arc::new(Gauges::default());
        let heartbeat = Heartbeat {
            dispatcher: dispatcher.clone(),
            gauges: Arc::clone(&gauges),
            every: config.heartbeat,
            software: config.software.clone(),
        };
        let neighbors =
            config.mingle.then(|| Neighbors::new(Arc::clone(&transport), &config, lamport.clone()));
        if let Some(neighbors) = &neighbors {
            for id in neighbors.sync(revoked.ids()).await {
                revoked.add(&id, clock.now());
            }
        }
        let panel = Panel::new(
            config.hostname.clone(),
            asking.clone(),
            Arc::clone(&publisher),
            Arc::clone(&acknowledger),
            host.clone(),
            lamport.clone(),
        );
        let mut background = JoinSet::new();
        if let Some(commands) = commands {
            background.spawn(control::listen(panel, commands));
        }
        if let Some(workers) = workers {
            background.spawn(gossip::listen(workers, config.hostname.clone(), lamport.clone()));
        }
        background.spawn(heartbeat.clone().beat());
        let telling = tokio::spawn(events::send(dispatcher.clone(), Arc::clone(&publisher)));

        let reporter = Arc::new(Reporter::new(&config, results.as_deref()));
        let follower = config.following.clone();
        let follower = follower.map(|known| Follower::new(known, config.zone.clone(), &config.queues));
        let (completer, items) = mpsc::unbounded_channel();
        let (settler, settlements) = mpsc::unbounded_channel();
        let backlog = Arc::new(AtomicUsize::new(0));
        let parking = Parking::new(config.eta_park_after, &*acknowledger);
        let settling =
            tokio::spawn(settle_at_once(settlements, Arc::clone(&acknowledger), parking.under_way()));
        let completing = tokio::spawn(
            Completer {
                items,
                backlog: Arc::clone(&backlog),
                host_stores: results.is_none(),
                results,
                follower,
                acknowledger: Arc::clone(&acknowledger),
                outbox: outbox.clone(),
                reporter: Arc::clone(&reporter),
                clock: Arc::clone(&clock),
                events: dispatcher.clone(),
                host: host.clone(),
            }
            .run(),
        );
        let sending = tokio::spawn(outbox::run(outbox, sending, publisher));

        let executor = Executor::new(loops, threads, events);
        let slots = [Kind::Async, Kind::Sync].map(|kind| executor.load(kind).slots);
        let kinds: Vec<Kind> = [Kind::Async, Kind::Sync]
            .into_iter()
            .filter(|kind| config.tasks.iter().any(|task| task.kind == *kind))
            .collect();
        let policy = match config.disable_prefetch {
            true => Policy::NoPrefetch,
            false => {
                Policy::Prefetch { multiplier: config.prefetch_multiplier, look_ahead: config.look_ahead }
            }
        };
        let engine = Engine {
            fetcher: Fetcher::spawn(consumer, shutdown.clone()),
            asks,
            asking,
            neighbors,
            intake: Intake::new(&config),
            credit: Credit::new(slots, [Kind::Async, Kind::Sync].map(|kind| kinds.contains(&kind)), policy),
            looking: Vec::new(),
            later: DueQueue::new(),
            parking,
            rates: RateLimits::new(&config.tasks, clock.now()),
            revoked,
            consumed: Consumed::new(&config),
            executor,
            holdings: Holdings::new(Arc::clone(&acknowledger)),
            early: Vec::new(),
            completer,
            settler,
            backlog,
            kinds,
            totals: vec![0; config.tasks.len()],
            gauges,
            events: dispatcher.clone(),
            heartbeat: heartbeat.clone(),
            lamport,
            reporter,
            clock,
            watch: Watch::new(),
            host,
            since: Instant::now(),
            shutdown: shutdown.clone(),
            config: Arc::clone(&config),
        };
        heartbeat.online();
        tracing::info!("{} ready.", config.hostname);
        shutdown.advance(Phase::Ready);
        let (exit, revoked) = engine.run().await;

        // The engine is gone and with it the senders: what is to be stored and settled is finished first. A server that
        // is away now would be waited for without end; a second signal is the way out.
        let finished = async { tokio::join!(completing, settling) };
        let too_late = async {
            shutdown.reached(Phase::Cold).await;
            tokio::time::sleep(COLD_PATIENCE).await;
        };
        let exit = tokio::select! {
            biased;
            ended = finished => match ended {
                (Ok(()), Ok(())) => exit,
                _ => Err(Error::Stopped("the completer")),
            },
            () = too_late => {
                tracing::error!("Some results were not stored and some messages not acknowledged before the shutdown");
                exit.map(|_| Exit::Cold)
            }
        };
        background.shutdown().await;
        heartbeat.offline();
        dispatcher.close();
        if tokio::time::timeout(CLOSE_TIMEOUT, telling).await.is_err() {
            tracing::warn!("Some events were not sent before the shutdown");
        }
        sending.abort();
        match tokio::time::timeout(CLOSE_TIMEOUT, acknowledger.close()).await {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => tracing::warn!("Restoring {count} unacknowledged message(s)"),
            Ok(Err(error)) => tracing::error!("Cannot give back unacknowledged messages: {error}"),
            Err(_) => tracing::error!("Cannot give back unacknowledged messages: the broker does not answer"),
        }
        exit.map(|exit| Ended { exit, revoked })
    }
}

fn dispatcher(config: &Config, clock: &Arc<dyn Clock>, lamport: &LamportClock) -> Dispatcher {
    let origin = Origin {
        hostname: config.hostname.clone(),
        exchange: config.event_exchange.clone(),
        utcoffset: config.utcoffset.into(),
    };
    // As upstream: without heartbeats, gossip and task events nothing is ever sent.
    let enabled = config.task_events || config.gossip || config.heartbeat.is_some();
    Dispatcher::new(origin, enabled, config.task_events, Arc::clone(clock), lamport.clone())
}

/// How many commands may wait for the engine.
const MOST_ASKED: usize = 64;

/// A broker that is connected.
struct Connected {
    consumer: Box<dyn Consumer>,
    acknowledger: Arc<dyn Acknowledger>,
    publisher: Arc<dyn Publisher>,
    /// Commands to this worker.
    commands: Option<Box<dyn Subscription>>,
    /// What other workers tell of themselves.
    workers: Option<Box<dyn Subscription>>,
}

/// How long a shutdown waits for the server to take back what was not acknowledged.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a cold shutdown waits for results and acknowledgements that are on their way.
const COLD_PATIENCE: Duration = Duration::from_secs(2);

/// Connects, again and again as `broker_connection_retry` says (`celery/worker/consumer/consumer.py: connection_for`).
async fn connect(config: &Config, transport: &dyn Transport) -> Result<Connected> {
    let mut retries = 0;
    loop {
        let error = match open(config, transport).await {
            Ok(connected) => return Ok(connected),
            Err(error) => error,
        };
        if !error.is_transient() || !config.connection_retry {
            return Err(Error::Broker(error));
        }
        if config.connection_max_retries.is_some_and(|max| retries >= max) {
            return Err(Error::BrokerGone { retries, last: error });
        }
        retries += 1;
        let pause = Duration::from_secs(2 * u64::from(retries.min(16)));
        let of = config.connection_max_retries.map_or_else(String::new, |max| format!("/{max}"));
        tracing::error!(
            "consumer: Cannot connect to {}: {error}.\nTrying again in {:.2} seconds... ({retries}{of})",
            transport.as_uri(),
            pause.as_secs_f64(),
        );
        tokio::time::sleep(pause).await;
    }
}

async fn open(config: &Config, transport: &dyn Transport) -> celery_transport::Result<Connected> {
    let (consumer, acknowledger) = transport.consume(&config.queues).await?;
    let publisher = transport.publisher().await?;
    let (mut commands, mut workers) = (None, None);
    if config.remote_control {
        commands = Some(transport.subscribe(&pidbox_exchange(&config.control_namespace), &[]).await?);
    }
    if config.gossip {
        workers = Some(transport.subscribe(&config.event_exchange, &["worker.#"]).await?);
    }
    Ok(Connected { consumer, acknowledger, publisher, commands, workers })
}
