//! The client.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use celery_protocol::{
    Value,
    canvas::{Call, Encoding, Plan, Signature, Step},
    iso8601,
    result::{ResultTree, SavedGroup},
};
use celery_results::ResultBackend;
use celery_transport::{Publication, Transport, Unroutable};
use uuid::Uuid;

use crate::{Builder, Error, Handle, Result, RetryPolicy, Sendable, builder::Now, publish::Pump};

/// Sends tasks and awaits their results. Clones share the connections.
///
/// A connection that is lost comes back by itself; meanwhile calls are sent again, for about ten seconds when the server
/// refuses at once, and longer when it does not answer ([`Builder::retry`]). To give up a `send` that is under way, by a
/// timeout around it, does not take the message back: it may still be sent.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) pump: Pump,
    pub(crate) results: Option<Arc<dyn ResultBackend>>,
    pub(crate) encoding: Encoding,
    pub(crate) queue: String,
    pub(crate) result_expires: Option<Duration>,
    pub(crate) retry: RetryPolicy,
    pub(crate) now: Now,
}

impl Client {
    /// Connects to `redis://host:port/database`, for messages and results both.
    ///
    /// # Errors
    ///
    /// As [`Builder::connect`].
    pub async fn connect(url: &str) -> Result<Self> {
        Self::builder(url).connect().await
    }

    /// Says more about the client before it connects.
    pub fn builder(broker: impl Into<String>) -> Builder {
        Builder::at(broker)
    }

    /// Says more about a client that uses a transport of any kind, as a broker in memory, instead of one by URL. It keeps
    /// no results unless it is said where: [`Builder::results`], [`Builder::result_backend`].
    pub fn over(transport: impl Into<Arc<dyn Transport>>) -> Builder {
        Builder::over(transport.into())
    }

    pub(crate) fn of(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(crate) fn results(&self) -> Result<&Arc<dyn ResultBackend>> {
        self.0.results.as_ref().ok_or(Error::NoResults)
    }

    /// Sends a task, a chain, a group or a chord. Returns once the broker has it.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] for a call that cannot be written, [`Error::Broker`] when the broker refuses it or stays away.
    /// A chord needs a result backend, else [`Error::NoResults`].
    pub async fn send<S: Sendable>(&self, call: S) -> Result<Handle<S::Output>> {
        let mut waiting = Vec::with_capacity(1);
        let tree = self.prepare_call(&call.into_signature(), &mut waiting).await?;
        self.0.pump.publish(waiting).await?;
        Ok(Handle::new(self.clone(), tree))
    }

    /// Sends many, in their order, hundreds in a round trip. An answer for each: what could not be sent does not keep
    /// the others from it.
    ///
    /// # Errors
    ///
    /// Of each, as [`send`](Self::send).
    pub async fn send_all<S: Sendable>(
        &self,
        calls: impl IntoIterator<Item = S>,
    ) -> Vec<Result<Handle<S::Output>>> {
        let mut answers = Vec::new();
        let mut waiting = Vec::new();
        // Where the messages of an answer end among those that wait.
        let mut ends: Vec<(usize, usize)> = Vec::new();
        for call in calls {
            match self.prepare_call(&call.into_signature(), &mut waiting).await {
                Ok(tree) => {
                    ends.push((answers.len(), waiting.len()));
                    answers.push(Ok(Handle::new(self.clone(), tree)));
                }
                Err(error) => answers.push(Err(error)),
            }
            if waiting.len() >= Self::CHUNK {
                self.publish_waiting(&mut waiting, &mut ends, &mut answers).await;
            }
        }
        self.publish_waiting(&mut waiting, &mut ends, &mut answers).await;
        answers
    }

    /// About how many messages `send_all` gathers.
    const CHUNK: usize = 1024;

    /// Publishes what was gathered, and puts the errors where they belong.
    async fn publish_waiting<R>(
        &self,
        waiting: &mut Vec<Publication>,
        ends: &mut Vec<(usize, usize)>,
        answers: &mut [Result<Handle<R>>],
    ) {
        let sent = self.0.pump.publish_each(std::mem::take(waiting)).await;
        let mut from = 0;
        for (place, end) in ends.drain(..) {
            let failed = match &sent {
                Ok(sent) => sent.get(from..end).unwrap_or_default().iter().find_map(|one| one.clone().err()),
                Err(_) => None,
            };
            from = end;
            if let Some(error) = failed {
                answers[place] = Err(error.into());
            } else if sent.is_err() {
                answers[place] = Err(Error::Closed);
            }
        }
    }

    /// The messages of a call, gathered; whatever else it needs is done.
    async fn prepare_call(
        &self,
        signature: &Signature,
        waiting: &mut Vec<Publication>,
    ) -> Result<ResultTree> {
        let plan = self.plan(signature)?;
        let tree = plan.result().ok_or(Error::Nothing)?;
        let before = waiting.len();
        let prepared = self.prepare(plan, waiting).await;
        if prepared.is_err() {
            waiting.truncate(before);
        }
        prepared.map(|()| tree)
    }

    /// The handle of what was sent before, whatever it is: of a kept [`Handle::tree`].
    pub fn handle_of<R>(&self, tree: ResultTree) -> Handle<R> {
        Handle::new(self.clone(), tree)
    }

    /// The handle of a task that was sent before, by this or another client.
    pub fn handle<R>(&self, id: impl Into<String>) -> Handle<R> {
        Handle::new(self.clone(), ResultTree::task(id))
    }

    /// What sending it comes to.
    fn plan(&self, signature: &Signature) -> Result<Plan> {
        let mut ids = || Uuid::new_v4().to_string();
        Ok(signature.plan(&mut ids, &self.0.encoding.reply_to)?)
    }

    /// Tells the result backend what it has to know before, and makes the messages. All parts of a chord but the last
    /// may go before its size is known, so all may go after it.
    async fn prepare(&self, plan: Plan, waiting: &mut Vec<Publication>) -> Result<()> {
        for step in plan.steps {
            match step {
                Step::Send(call) => waiting.push(self.publication(call)?),
                Step::ChordSize { group_id, size } => {
                    let (results, expires) = (self.results()?, self.0.result_expires);
                    self.again(|| results.set_chord_size(&group_id, size as u64, expires)).await?;
                }
                Step::SaveGroup { group } => {
                    let saved = SavedGroup { result: group };
                    let (results, expires) = (self.results()?, self.0.result_expires);
                    let (id, group) = (&saved.result.id, Bytes::from(saved.encode()));
                    self.again(|| results.save_group(id, group.clone(), expires)).await?;
                }
                other => unreachable_step(&other)?,
            }
        }
        Ok(())
    }

    /// Does what may be done twice, and again while the result backend is away.
    async fn again<F: Future<Output = celery_results::Result<()>>>(&self, act: impl Fn() -> F) -> Result<()> {
        let mut retry = 0;
        loop {
            match act().await {
                Err(error) if error.is_transient() && retry < self.0.retry.retries => {
                    tokio::time::sleep(self.0.retry.wait(retry)).await;
                    retry += 1;
                }
                done => return Ok(done?),
            }
        }
    }

    /// The message and where it goes (`celery/app/amqp.py: send_task_message`).
    fn publication(&self, mut call: Call) -> Result<Publication> {
        settle_times(&mut call, (self.0.now)());
        let message = call.message(&self.0.encoding)?;
        let text = |key| call.options.text(key);
        let queue = text("queue").unwrap_or(&self.0.queue);
        Ok(match text("exchange").filter(|exchange| !exchange.is_empty()) {
            Some(exchange) => {
                let key = text("routing_key").unwrap_or(queue);
                Publication::new(exchange, key, message).of_type(text("exchange_type").unwrap_or("direct"))
            }
            // kombu's default exchange, whose routing keys are queues.
            None => Publication::new("", queue, message).when_unroutable(Unroutable::Declare),
        })
    }
}

fn unreachable_step(step: &Step) -> Result<()> {
    Err(celery_protocol::Error::Canvas(format!("this client does not know how to do {step:?}")).into())
}

/// A thousand years.
const FAR: Duration = Duration::from_secs(31_556_952_000);

/// Turns what counts from now into moments, and tells the broker how long the message lives
/// (`celery/app/amqp.py: as_task_v2`, `celery/app/base.py: send_task`).
fn settle_times(call: &mut Call, now: SystemTime) {
    let seconds = |value: Option<&Value>| match value {
        #[expect(clippy::cast_precision_loss, reason = "seconds are small")]
        Some(Value::Int(seconds)) => Some(*seconds as f64),
        Some(Value::Float(seconds)) => Some(*seconds),
        _ => None,
    };
    // What is too far away for a date is as far away as dates go.
    let later = |seconds: f64| {
        let length = Duration::try_from_secs_f64(seconds).unwrap_or(FAR).min(FAR);
        now.checked_add(length).unwrap_or(now)
    };
    let countdown = seconds(call.options.value("countdown")).filter(|countdown| *countdown > 0.0);
    if let Some(countdown) = countdown {
        call.options.set("eta", iso8601(later(countdown)));
    }
    if let Some(expires) = seconds(call.options.value("expires")) {
        let lives = expires.max(0.0);
        call.options.set("expires", iso8601(later(lives)));
        call.options.set("expiration", lives);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let results = self.0.results.as_ref().map(|results| celery_results::ResultStore::as_uri(&**results));
        f.debug_struct("Client")
            .field("broker", &self.0.transport.as_uri())
            .field("results", &results)
            .field("queue", &self.0.queue)
            .finish_non_exhaustive()
    }
}
