//! Sending from within a task, or in its name: what a task of this worker sends itself, and what its end concerns.
//!
//! Protocol: what belongs to a job goes through the outbox, so that its result and its acknowledgement wait for the
//! broker. What belongs to none, since its message was never run, is published at once and awaited; what is in nobody's
//! name, since its time has come, until the broker has it. A chord's size is with the result store before its parts are
//! sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use celery_executor::JobId;
use celery_protocol::canvas::{Options, Signature};
use celery_protocol::result::ResultTree;
use celery_protocol::{Body, Value};
use celery_results::ResultBackend;
use celery_scheduler::{Clock, Zone};
use celery_transport::{Publication, Publisher, Queue, Transport};
use tokio::sync::OnceCell;

use super::{Follower, Following, Odd, Parent, Sending};
use crate::away::{Away, Passing, until_answered};
use crate::outbox::{Outbox, OutboxError};

/// Why something could not be sent from within a task.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// It cannot be written, or nobody here knows how to send it.
    #[error("cannot send {task}: {reason}")]
    Call {
        /// The task, or the kind of composition.
        task: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The outbox does not take it.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// A chord needs a result backend.
    #[error("a chord needs a result backend, and this worker has none")]
    NoResults,
    /// The result backend refused what a chord needs.
    #[error("the result backend: {0}")]
    Results(#[from] celery_results::Error),
    /// The broker refused it.
    #[error("the broker: {0}")]
    Broker(#[from] celery_transport::Error),
}

impl Passing for SendError {
    fn passes(&self) -> bool {
        match self {
            Self::Broker(error) => error.is_transient(),
            Self::Results(error) => error.is_transient(),
            Self::Call { .. } | Self::Outbox(_) | Self::NoResults => false,
        }
    }
}

/// Sends tasks in the name of others. Cheap to share.
#[derive(Debug)]
pub struct Sender {
    follower: Mutex<Follower>,
    outbox: Outbox,
    results: Option<Arc<dyn ResultBackend>>,
    transport: Arc<dyn Transport>,
    publisher: OnceCell<Published>,
    clock: Arc<dyn Clock>,
}

/// What was sent.
#[derive(Debug)]
#[non_exhaustive]
pub struct Sent {
    /// The result that it promises; `None` when there was nothing to send.
    pub result: Option<ResultTree>,
    /// What the task that sent it lists among its children for it.
    pub children: Vec<ResultTree>,
}

/// A publisher, which says nothing of itself.
struct Published(Arc<dyn Publisher>);

impl std::fmt::Debug for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Publisher")
    }
}

impl Sender {
    /// Sends as `known` says; `declared` are the queues that need not be declared any more.
    pub fn new(
        known: Arc<Following>,
        zone: Zone,
        declared: &[Queue],
        outbox: Outbox,
        results: Option<Arc<dyn ResultBackend>>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let follower = Mutex::new(Follower::new(known, zone, declared));
        Self { follower, outbox, results, transport, publisher: OnceCell::new(), clock }
    }

    /// The time now, by the clock of the worker.
    pub fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// What is known of sending tasks.
    pub fn known(&self) -> Arc<Following> {
        Arc::clone(&self.follower().known)
    }

    /// Sends `signature` with `args` before its own arguments and `options` over its own, as `apply_async` within the
    /// task `parent` would; for `job`, if it runs here.
    ///
    /// # Errors
    ///
    /// [`SendError`] says which part of the way it could not go. What had been sent before of a composition stays sent.
    pub async fn send(
        &self,
        job: Option<JobId>,
        parent: Parent<'_>,
        signature: &Signature,
        args: &[Value],
        options: Options,
    ) -> Result<Sent, SendError> {
        let mut sending = Sending::default();
        let now = self.clock.now();
        let planned = self.follower().apply(signature, args, options, Some(parent), now, &mut sending);
        planned.map_err(|odd| SendError::Call { task: signature.task().to_owned(), reason: odd.0 })?;
        self.carry_out(job, sending).await
    }

    /// Sends `signature` in nobody's name, as a client would. While the broker or the result backend is away it tries
    /// again, with the same ids.
    ///
    /// Cancel safety: dropped while it waits, it may have sent the call, or a part of it.
    ///
    /// # Errors
    ///
    /// [`SendError`] for what does not pass by itself. What had been sent before of a composition stays sent.
    pub async fn send_alone(&self, signature: &Signature) -> Result<Sent, SendError> {
        const WHAT: &str = "send";
        let mut sending = Sending::default();
        let now = self.clock.now();
        let planned = self.follower().apply(signature, &[], Options::default(), None, now, &mut sending);
        planned.map_err(|odd| SendError::Call { task: signature.task().to_owned(), reason: odd.0 })?;
        let queues = self.follower().not_declared(std::mem::take(&mut sending.queues));
        until_answered(WHAT, || self.begin_chords(&sending)).await?;
        let publisher = until_answered(WHAT, || self.publisher_to(&queues)).await?;
        let mut away = Away::new(WHAT);
        let mut waiting = sending.publications;
        while !waiting.is_empty() {
            let answers = publisher.publish(&waiting).await;
            let (mut again, mut lost) = (Vec::new(), None);
            for (publication, answer) in waiting.into_iter().zip(answers) {
                match answer {
                    Ok(()) => {}
                    Err(error) if error.is_transient() => {
                        again.push(publication);
                        lost = Some(error);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            waiting = again;
            if let Some(error) = lost {
                away.pause(&error).await;
            }
        }
        Ok(Sent { result: sending.result, children: sending.children })
    }

    async fn carry_out(&self, job: Option<JobId>, mut sending: Sending) -> Result<Sent, SendError> {
        let queues = self.follower().not_declared(std::mem::take(&mut sending.queues));
        self.begin_chords(&sending).await?;
        match job {
            Some(job) => self.by_outbox(job, queues, sending.publications)?,
            None => self.at_once(&queues, &sending.publications).await?,
        }
        Ok(Sent { result: sending.result, children: sending.children })
    }

    /// Sends the links and the next step of a task with this body that gave `value`, JSON. Gives its children for them.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn follow(
        &self,
        job: Option<JobId>,
        task: Parent<'_>,
        body: &Body<'_>,
        value: &str,
    ) -> Result<Vec<ResultTree>, SendError> {
        let now = self.clock.now();
        let planned = self.follower().after_body(body, task, value, now);
        let failed = |odd: Odd| SendError::Call { task: String::from("what follows"), reason: odd.0 };
        Ok(self.carry_out(job, planned.map_err(failed)?).await?.children)
    }

    /// Makes a chord of which a task here is a part one part larger.
    ///
    /// # Errors
    ///
    /// [`SendError::NoResults`] without a result backend, and what the backend says.
    pub async fn add_to_chord(&self, group_id: &str) -> Result<(), SendError> {
        let results = self.results.as_ref().ok_or(SendError::NoResults)?;
        Ok(results.add_to_chord(group_id).await?)
    }

    /// The moment now as results say it.
    pub fn date_done(&self) -> String {
        self.follower().local(self.clock.now())
    }

    /// Sends a message that is ready, for `job`.
    ///
    /// # Errors
    ///
    /// [`OutboxError`] when the outbox does not take it.
    pub fn publish(&self, job: JobId, publication: Publication) -> Result<(), OutboxError> {
        self.outbox.publish(job, publication)
    }

    async fn begin_chords(&self, sending: &Sending) -> Result<(), SendError> {
        if sending.sizes.is_empty() && sending.groups.is_empty() {
            return Ok(());
        }
        let results = self.results.as_ref().ok_or(SendError::NoResults)?;
        let expires = self.follower().chord_expires();
        for (id, size) in &sending.sizes {
            results.set_chord_size(id, *size, expires).await?;
        }
        for (id, group) in &sending.groups {
            results.save_group(id, group.clone(), expires).await?;
        }
        Ok(())
    }

    fn by_outbox(
        &self,
        job: JobId,
        queues: Vec<Queue>,
        publications: Vec<Publication>,
    ) -> Result<(), SendError> {
        for queue in queues {
            self.outbox.declare(queue)?;
        }
        for publication in publications {
            self.outbox.publish(job, publication)?;
        }
        Ok(())
    }

    async fn at_once(&self, queues: &[Queue], publications: &[Publication]) -> Result<(), SendError> {
        if publications.is_empty() {
            return Ok(());
        }
        Ok(self.publisher_to(queues).await?.publish_all(publications).await?)
    }

    /// A publisher, and the queues declared.
    async fn publisher_to(&self, queues: &[Queue]) -> Result<&dyn Publisher, SendError> {
        let opened =
            self.publisher.get_or_try_init(|| async { self.transport.publisher().await.map(Published) });
        let Published(publisher) = opened.await?;
        publisher.declare(queues).await?;
        Ok(&**publisher)
    }

    fn follower(&self) -> MutexGuard<'_, Follower> {
        self.follower.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
