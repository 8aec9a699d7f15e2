//! Tests without a broker: a worker in the process of its test, with a clock that the test turns (feature `testing`).
//!
//! Nothing is mocked. It is the worker that runs elsewhere, on the transport and the result backend in memory; only what
//! waits for a time waits for the test.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use celery_client::Sendable;
pub use celery_client::{Client, Handle};
use celery_scheduler::Clock;
pub use celery_scheduler::ManualClock;
use celery_worker::{Activity, Phase, Probe};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::{Error, Exit, Shutdown, Tasks, Worker, WorkerBuilder, results, transport};

/// How long to wait before a worker that is busy is asked again.
const AGAIN: Duration = Duration::from_millis(1);

/// A worker under test.
///
/// Its clock stands still. A countdown, the delay of a retry and a rate limit pass when the test
/// [advances](Self::advance) it; time limits are of real time, and so is what a task itself waits for.
///
/// ```
/// use std::time::Duration;
///
/// use celery_native::testing::TestWorker;
/// use celery_native::{Args, Request, Retry, TaskError, Tasks};
///
/// #[celery_native::task(name = "shop.charge")]
/// async fn charge(request: Request, Args((cents,)): Args<(u64,)>) -> Result<String, TaskError> {
///     if request.retries() == 0 {
///         // The bank does not answer.
///         return Err(Retry::after(Duration::from_secs(600)).into());
///     }
///     Ok(format!("charged {cents}"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let worker = TestWorker::start(Tasks::new().register::<charge>()).await?;
/// let handle = worker.send(charge::TASK.call((995,))).await?;
/// worker.advance(Duration::from_secs(600)).await;
/// assert_eq!(handle.wait().await?, "charged 995");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TestWorker {
    client: Client,
    clock: Arc<ManualClock>,
    broker: transport::memory::Memory,
    probe: Probe,
    shutdown: Shutdown,
    running: Option<JoinHandle<Result<Exit, Error>>>,
}

impl TestWorker {
    /// Starts a worker of these tasks, on the runtime of the test. Its clock shows the time now, to the second.
    ///
    /// # Errors
    ///
    /// As [`WorkerBuilder::run`].
    pub async fn start(tasks: Tasks) -> Result<Self, Error> {
        Self::start_as(Worker::builder().tasks(tasks)).await
    }

    /// Starts a worker that is as `builder` says, with its hooks, layers and queues: but for its transport, result backend,
    /// clock and signals. It sends no heartbeats and looks for no other workers.
    ///
    /// # Errors
    ///
    /// As [`WorkerBuilder::run`].
    pub async fn start_as(builder: WorkerBuilder) -> Result<Self, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "seconds are small")]
        let clock = Arc::new(ManualClock::at_unix(now.as_secs() as f64));
        let (broker, results) = (transport::memory::Memory::new(), results::memory::Memory::new());
        let shutdown = Shutdown::new();
        let worker = builder
            .transport(broker.clone())
            .result_backend(Arc::new(results.clone()))
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .without_signals()
            .shutdown(shutdown.clone())
            .configure(|config| {
                (config.mingle, config.gossip, config.heartbeat) = (false, false, None);
            })
            .build()?;
        let queue = worker.first_queue().to_owned();
        let started = worker.start().await?;
        let probe = started.probe();
        let mut running = tokio::spawn(started.run());
        let mut phases = shutdown.phases();
        tokio::select! {
            _ = phases.wait_for(|phase| *phase >= Phase::Ready) => {}
            ended = &mut running => { ended.map_err(std::io::Error::from)??; }
        }
        let now = Arc::clone(&clock);
        let client = Client::over(broker.clone())
            .result_backend(results)
            .queue(queue)
            .clock(move || now.now())
            .connect()
            .await?;
        Ok(Self { client, clock, broker, probe, shutdown, running: Some(running) })
    }

    /// Sends a call to the worker: [`Client::send`].
    ///
    /// # Errors
    ///
    /// As [`Client::send`].
    pub async fn send<S: Sendable>(&self, call: S) -> celery_client::Result<Handle<S::Output>> {
        self.client.send(call).await
    }

    /// The client, for whatever else is to be done: it sends to the first queue of the worker.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The broker: what waits in its queues, and others that consume from them.
    pub fn broker(&self) -> &transport::memory::Memory {
        &self.broker
    }

    /// The clock. Turned by itself it does not wait for the worker, which sees it within a second: see
    /// [`advance`](Self::advance).
    pub fn clock(&self) -> &Arc<ManualClock> {
        &self.clock
    }

    /// Waits until the worker has nothing to do: no task runs, and all that ended is stored. Gives the time at which it goes
    /// on by itself, if there is one.
    pub async fn idle(&self) -> Option<SystemTime> {
        loop {
            let before = self.broker.load().entries;
            match self.probe.activity().await {
                // Nothing has come into a queue while the worker was looked at.
                Some(Activity::Idle { next_due, .. }) if self.broker.load().entries == before => {
                    return next_due;
                }
                None => return None,
                Some(_) => sleep(AGAIN).await,
            }
        }
    }

    /// Lets that much time pass: whatever is due by then has run when this returns, each at its time.
    ///
    /// It waits for tasks that run, so one that waits for the test has to have ended before, or the clock is turned with
    /// [`clock`](Self::clock).
    pub async fn advance(&self, by: Duration) {
        let Some(end) = self.clock.now().checked_add(by) else { return };
        while let Some(due) = self.idle().await.filter(|due| *due <= end) {
            self.turn_to(due);
        }
        self.turn_to(end);
    }

    fn turn_to(&self, time: SystemTime) {
        self.clock.advance(time.duration_since(self.clock.now()).unwrap_or_default());
    }

    /// Ends the worker warm: what runs ends first. Dropped, it ends at once.
    ///
    /// # Errors
    ///
    /// When the worker had failed.
    pub async fn stop(mut self) -> Result<Exit, Error> {
        self.shutdown.warm();
        match self.running.take() {
            Some(running) => running.await.map_err(std::io::Error::from)?,
            None => Ok(Exit::Warm),
        }
    }
}

impl Drop for TestWorker {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }
}
