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
use celery_transport::{Publication, Transport};
use uuid::Uuid;

use crate::{Builder, Error, Handle, Result, Sendable, publish::Pump};

/// Sends tasks and awaits their results. Clones share the connections.
///
/// A connection that is lost comes back by itself; meanwhile calls are sent again for about ten seconds
/// ([`Builder::retry`]).
#[derive(Clone)]
pub struct Client(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) pump: Pump,
    pub(crate) results: Option<Arc<dyn ResultBackend>>,
    pub(crate) encoding: Encoding,
    pub(crate) queue: String,
    pub(crate) result_expires: Option<Duration>,
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
        Builder::new(broker)
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
        let plan = self.plan(&call.into_signature())?;
        let tree = plan.result().ok_or(Error::Nothing)?;
        self.carry_out(plan).await?;
        Ok(Handle::new(self.clone(), tree))
    }

    /// Sends many, in their order, hundreds in a round trip. What was sent before an error stays sent.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_all<S: Sendable>(
        &self,
        calls: impl IntoIterator<Item = S>,
    ) -> Result<Vec<Handle<S::Output>>> {
        let mut handles = Vec::new();
        let mut waiting = Vec::new();
        for call in calls {
            let plan = self.plan(&call.into_signature())?;
            handles.push(Handle::new(self.clone(), plan.result().ok_or(Error::Nothing)?));
            self.prepare(plan, &mut waiting).await?;
            if waiting.len() >= 2 * Self::CHUNK {
                self.0.pump.publish(std::mem::take(&mut waiting)).await?;
            }
        }
        self.0.pump.publish(waiting).await?;
        Ok(handles)
    }

    /// About how many messages `send_all` gathers.
    const CHUNK: usize = 512;

    /// The handle of a task that was sent before, by this or another client.
    pub fn handle<R>(&self, id: impl Into<String>) -> Handle<R> {
        Handle::new(self.clone(), ResultTree::task(id))
    }

    /// What sending it comes to.
    fn plan(&self, signature: &Signature) -> Result<Plan> {
        let mut ids = || Uuid::new_v4().to_string();
        Ok(signature.plan(&mut ids, &self.0.encoding.reply_to)?)
    }

    async fn carry_out(&self, plan: Plan) -> Result<()> {
        let mut waiting = Vec::with_capacity(plan.steps.len());
        self.prepare(plan, &mut waiting).await?;
        self.0.pump.publish(waiting).await
    }

    /// Tells the result backend what it has to know before, and makes the messages. All parts of a chord but the last
    /// may go before its size is known, so all may go after it.
    async fn prepare(&self, plan: Plan, waiting: &mut Vec<Publication>) -> Result<()> {
        for step in plan.steps {
            match step {
                Step::Send(call) => waiting.push(self.publication(call)?),
                Step::ChordSize { group_id, size } => {
                    let expires = self.0.result_expires;
                    self.results()?.set_chord_size(&group_id, size as u64, expires).await?;
                }
                Step::SaveGroup { group } => {
                    let saved = SavedGroup { result: group };
                    let (id, expires) = (&saved.result.id, self.0.result_expires);
                    self.results()?.save_group(id, Bytes::from(saved.encode()), expires).await?;
                }
                other => unreachable_step(&other)?,
            }
        }
        Ok(())
    }

    /// The message and where it goes (`celery/app/amqp.py: send_task_message`).
    fn publication(&self, mut call: Call) -> Result<Publication> {
        settle_times(&mut call, SystemTime::now());
        let message = call.message(&self.0.encoding)?;
        let text = |key| call.options.text(key);
        let queue = text("queue").unwrap_or(&self.0.queue);
        Ok(match (text("exchange"), text("routing_key")) {
            (Some(exchange), Some(key)) => {
                Publication::new(exchange, key, message).of_type(text("exchange_type").unwrap_or("direct"))
            }
            // kombu's default exchange, whose routing keys are queues.
            _ => Publication::new("", queue, message),
        })
    }
}

fn unreachable_step(step: &Step) -> Result<()> {
    Err(celery_protocol::Error::Canvas(format!("this client does not know how to do {step:?}")).into())
}

/// Turns what counts from now into moments, and tells the broker how long the message lives
/// (`celery/app/amqp.py: as_task_v2`, `celery/app/base.py: send_task`).
fn settle_times(call: &mut Call, now: SystemTime) {
    let seconds = |value: Option<&Value>| match value {
        #[expect(clippy::cast_precision_loss, reason = "seconds are small")]
        Some(Value::Int(seconds)) => Some(*seconds as f64),
        Some(Value::Float(seconds)) => Some(*seconds),
        _ => None,
    };
    let later =
        |seconds: f64| Duration::try_from_secs_f64(seconds).ok().and_then(|length| now.checked_add(length));
    let countdown = seconds(call.options.value("countdown")).filter(|countdown| *countdown > 0.0);
    if let Some(eta) = countdown.and_then(later) {
        call.options.set("eta", iso8601(eta));
    }
    if let Some(expires) = seconds(call.options.value("expires")) {
        let lives = expires.max(0.0);
        if let Some(moment) = later(lives) {
            call.options.set("expires", iso8601(moment));
        }
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
