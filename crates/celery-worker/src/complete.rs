//! The end of a task's path: what it published is confirmed, its result stored, its message settled.
//!
//! Protocol: items are taken in bursts. What belongs to a job whose publications are not confirmed is put aside until
//! they are, and with it whatever comes later of the same task: a retry may run here before its predecessor is complete.
//! The rest of the burst goes on. Results are stored first, and the messages of tasks that ended
//! unacknowledged are settled after: a crash between the two makes such a task run again rather than lose its result.
//! Messages that wait for no result are settled by a task of their own, so a store that is away does not hold them up.
//! A task that the host has to conclude is put aside until it has; its result and its message wait for that.
//! Events are told once a burst is stored: what a monitor shows can be read.
//! While one burst is on its way the next gathers, so the bursts grow with the load.
//!
//! Round trips per burst: one to store, one to settle. Copies per task: the encoded result meta.

mod following;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use celery_executor::{Failure, JobId, Outcome};
use celery_protocol::result::RevokedReason;
use celery_results::{ResultBackend, StoreResult};
use celery_scheduler::Clock;
use celery_transport::{Acknowledger, Settlement};
use futures_util::StreamExt;
use tokio::sync::mpsc;

pub(crate) use self::following::Stage;
use self::following::{Concluding, Following, add_children, value};
use crate::away::until_answered;
use crate::events::Dispatcher;
use crate::follow::Follower;
use crate::host::{Conclusion, Ending, Host, How};
use crate::in_flight::{self, InFlight};
use crate::intake::{Reason, Refused};
use crate::outbox::Outbox;
use crate::parking::UnderWay;
use crate::report::{Reporter, log_ended};

/// What is to be completed.
#[derive(Debug)]
pub(crate) enum Item {
    /// A state to store before the task has ended; of a job, if it may have published something.
    Store { job: Option<JobId>, result: StoreResult },
    /// A message that is not run.
    Refused(Box<Refused>),
    /// A task that has ended, and how far what follows it has come.
    Ended { job: JobId, in_flight: Box<InFlight>, outcome: Outcome, stage: Stage },
    /// What the host has concluded, and whether its state is stored.
    Concluded { item: Box<Item>, stored: bool },
}

impl Item {
    fn job(&self) -> Option<JobId> {
        match self {
            Self::Store { job, .. } => *job,
            Self::Refused(_) => None,
            Self::Ended { job, .. } => Some(*job),
            Self::Concluded { item, .. } => item.job(),
        }
    }

    pub(crate) fn task_id(&self) -> Option<&str> {
        match self {
            Self::Store { result, .. } => Some(&result.task_id),
            Self::Refused(refused) => refused.headers.as_ref().map(|headers| headers.id.as_str()),
            Self::Ended { in_flight, .. } => Some(&in_flight.headers.id),
            Self::Concluded { item, .. } => item.task_id(),
        }
    }

    /// What the host made of it.
    fn concluded(mut self, conclusion: Conclusion) -> Self {
        let stored = !matches!(conclusion, Conclusion::NotDone);
        if let Self::Ended { outcome, stage, .. } = &mut self {
            match (conclusion, &*stage) {
                (Conclusion::Sent(children), Stage::Odd) => {
                    if let Outcome::Succeeded(success) = outcome {
                        add_children(success, &children);
                    }
                    *stage = Stage::Sent;
                    return self;
                }
                (Conclusion::Failed(failure), _) => *outcome = Outcome::Failed(*failure),
                (Conclusion::NotDone, Stage::Odd) => *outcome = publication_refused("the app did not answer"),
                _ => {}
            }
        }
        Self::Concluded { item: Box::new(self), stored }
    }
}

/// Stores and settles. Runs until the sender of `items` is gone and everything is done.
pub(crate) struct Completer {
    pub(crate) items: mpsc::UnboundedReceiver<Item>,
    pub(crate) backlog: Arc<AtomicUsize>,
    pub(crate) results: Option<Arc<dyn ResultBackend>>,
    /// Sends what follows tasks; without it the host does.
    pub(crate) follower: Option<Follower>,
    pub(crate) acknowledger: Arc<dyn Acknowledger>,
    pub(crate) outbox: Outbox,
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: Dispatcher,
    pub(crate) host: Option<Arc<dyn Host>>,
    /// Whether there is a result store that only the host knows.
    pub(crate) host_stores: bool,
}

/// What is told once a burst is stored.
enum Told {
    Refused(Box<Refused>),
    Ended(Box<(Box<InFlight>, Outcome)>),
}

#[derive(Default)]
struct Burst {
    items: usize,
    store: Vec<StoreResult>,
    settle: Vec<Settlement>,
    told: Vec<Told>,
    following: Following,
}

const BURST: usize = 512;

/// Settles the messages that wait for no result: of tasks that start, of those that are parked, and of those that are
/// given back.
pub(crate) async fn settle_at_once(
    mut settlements: mpsc::UnboundedReceiver<Settlement>,
    acknowledger: Arc<dyn Acknowledger>,
    parking: Arc<UnderWay>,
) {
    let mut batch = Vec::with_capacity(BURST);
    while settlements.recv_many(&mut batch, BURST).await > 0 {
        settle(&*acknowledger, &batch).await;
        parking.settled(&batch);
        batch.clear();
    }
}

impl Completer {
    pub(crate) async fn run(mut self) {
        let mut came = Vec::with_capacity(BURST);
        let mut parked = Vec::new();
        let mut concluding = Concluding::new();
        let mut open = true;
        while open || !parked.is_empty() || !concluding.is_empty() {
            let mut burst = Burst::default();
            tokio::select! {
                count = self.items.recv_many(&mut came, BURST), if open => open = count > 0,
                () = self.outbox.confirmed(), if !parked.is_empty() => {}
                Some(item) = concluding.next() => came.push(item),
            }
            let mut held: HashSet<String> = HashSet::new();
            for item in std::mem::take(&mut parked).into_iter().chain(came.drain(..)) {
                let pending = item.job().is_some_and(|job| self.outbox.is_pending(job));
                if pending || (!held.is_empty() && item.task_id().is_some_and(|id| held.contains(id))) {
                    held.extend(item.task_id().map(str::to_owned));
                    parked.push(item);
                    continue;
                }
                let item = self.with_refusal(item);
                if let Some((host, ending)) = self.ending(&item) {
                    concluding.push(Box::pin(async move { item.concluded(host.conclude(ending).await) }));
                } else if item.is_followed() {
                    burst.following.begin(item);
                } else {
                    self.complete(item, &mut burst);
                }
            }
            self.send_what_follows(&mut burst, &mut parked, &mut concluding).await;
            self.store(&burst.store).await;
            self.count_parts(&mut burst, &mut parked, &mut concluding).await;
            for told in burst.told {
                match told {
                    Told::Refused(refused) => self.events.refused(&refused),
                    Told::Ended(ended) => self.events.ended(&ended.0, &ended.1),
                }
            }
            if !burst.settle.is_empty() {
                settle(&*self.acknowledger, &burst.settle).await;
            }
            // What it counts is stored, sent and settled: `Probe` relies on it.
            self.backlog.fetch_sub(burst.items, Ordering::Release);
        }
    }

    /// What the broker's refusal of something published makes of an item: the task fails, or the chord it completed does.
    fn with_refusal(&self, item: Item) -> Item {
        let refusal = match &item {
            Item::Ended { job, .. } => self.outbox.take_refusal(*job),
            Item::Concluded { item, .. } => item.job().and_then(|job| self.outbox.take_refusal(job)),
            Item::Store { .. } | Item::Refused(_) => None,
        };
        match (refusal, item) {
            (Some(reason), Item::Concluded { item, stored }) => match *item {
                Item::Ended { job, in_flight, outcome, stage: Stage::OddChord } => {
                    Item::Ended { job, in_flight, outcome, stage: Stage::BodyRefused(None, reason) }
                }
                item => Item::Concluded { item: Box::new(item), stored },
            },
            (Some(reason), Item::Ended { job, in_flight, outcome, stage }) => {
                let (outcome, stage) = match (stage, outcome) {
                    (Stage::New | Stage::Sent, Outcome::Succeeded(_) | Outcome::Retried { .. }) => {
                        (publication_refused(&reason), Stage::Refused(reason))
                    }
                    (Stage::Body(claim), outcome) => (outcome, Stage::BodyRefused(Some(claim), reason)),
                    // It has failed already, and the refusal is in the log.
                    (stage, outcome) => (outcome, stage),
                };
                Item::Ended { job, in_flight, outcome, stage }
            }
            (_, item) => item,
        }
    }

    /// What the host has to conclude: a task that did not run to its end and that others wait for, or of which only the
    /// host can tell.
    fn ending(&self, item: &Item) -> Option<(Arc<dyn Host>, Ending)> {
        let host = self.host.as_ref()?;
        let (message, headers, spec, how) = match item {
            Item::Refused(refused) => {
                let how = match &refused.reason {
                    Reason::Unknown if self.host_stores => How::NotRegistered,
                    Reason::Expired => How::Revoked(RevokedReason::Expired, None),
                    Reason::Revoked(_) => How::Revoked(RevokedReason::Revoked, None),
                    _ => return None,
                };
                (refused.message.as_ref()?, refused.headers.as_ref()?, refused.spec.as_ref(), how)
            }
            Item::Ended { in_flight, outcome, stage, .. } => {
                let how = match (outcome, stage) {
                    (Outcome::Succeeded(success), Stage::Odd) => How::Succeeded(success.result.clone()),
                    (Outcome::Succeeded(success), Stage::OddChord) => How::Counted(success.result.clone()),
                    (_, Stage::BodyRefused(_, reason)) => How::BodyRefused(reason.clone()),
                    (_, Stage::Refused(reason)) => How::Refused(reason.clone()),
                    (Outcome::Failed(failure), Stage::New) if failure.follow => {
                        How::Failed(Box::new(failure.clone()))
                    }
                    (Outcome::Rejected { requeue: false, reason, traceback, stored: false }, Stage::New) => {
                        How::Failed(Box::new(Failure {
                            exc_type: String::from("Reject"),
                            exc_module: String::from("celery.exceptions"),
                            exc_message: serde_json::json!([reason]).to_string(),
                            traceback: traceback.clone(),
                            repr: reason.clone(),
                            ..Failure::default()
                        }))
                    }
                    (Outcome::TimedOut { limit }, _) => How::TimedOut(*limit),
                    (Outcome::Terminated { signal }, _) => {
                        How::Revoked(RevokedReason::Terminated, Some(*signal))
                    }
                    _ => return None,
                };
                (&in_flight.message, &in_flight.headers, Some(&in_flight.spec), how)
            }
            Item::Store { .. } | Item::Concluded { .. } => return None,
        };
        let followed = || in_flight::body(message).is_none_or(|body| !body.embed.is_empty());
        let whole = spec.is_none_or(|spec| spec.concluded_by_host) && !matches!(how, How::Refused(_));
        if !whole && !followed() {
            return None;
        }
        let ignores = match spec {
            Some(spec) => spec.ignores(headers.ignore_result),
            None => headers.ignore_result.unwrap_or_default(),
        };
        let store = !ignores || spec.is_some_and(|spec| spec.store_errors_even_if_ignored);
        let ending = Ending::new(item.job(), &*headers.task, &*headers.id, Arc::clone(message), store, how);
        Some((Arc::clone(host), ending))
    }

    fn complete(&self, item: Item, burst: &mut Burst) {
        burst.items += 1;
        let (item, stored) = match item {
            Item::Concluded { item, stored } => (*item, stored),
            item => (item, false),
        };
        match item {
            Item::Store { job: Some(job), .. } if self.outbox.is_refused(job) => {}
            Item::Store { result, .. } => burst.store.push(result),
            Item::Refused(refused) => self.refuse(refused, stored, burst),
            Item::Ended { job, in_flight, outcome, stage } => match stage {
                Stage::Body(claim) | Stage::BodyRefused(Some(claim), _) => {
                    burst.following.end(*claim);
                    self.finish(in_flight, outcome, burst);
                }
                Stage::Stored => self.count_or_finish(job, in_flight, outcome, burst),
                Stage::BodyRefused(None, _) | Stage::OddChord | Stage::Done => {
                    self.finish(in_flight, outcome, burst)
                }
                Stage::New | Stage::Odd | Stage::Refused(_) => {
                    self.store_end(&in_flight, &outcome, stored, burst);
                    self.finish(in_flight, outcome, burst);
                }
                Stage::Sent => {
                    self.store_end(&in_flight, &outcome, stored, burst);
                    self.count_or_finish(job, in_flight, outcome, burst);
                }
            },
            // Nobody concludes twice.
            Item::Concluded { .. } => {}
        }
    }

    fn refuse(&self, refused: Box<Refused>, stored: bool, burst: &mut Burst) {
        if !stored {
            burst.store.extend(self.reporter.refused(&refused, self.clock.now()));
        }
        burst.settle.push(match refused.reason {
            Reason::Unknown => Settlement::Reject(refused.tag.clone()),
            _ => Settlement::Ack(refused.tag.clone()),
        });
        burst.told.push(Told::Refused(refused));
    }

    fn store_end(&self, in_flight: &InFlight, outcome: &Outcome, stored: bool, burst: &mut Burst) {
        log_ended(in_flight, outcome);
        if !stored {
            burst.store.extend(self.reporter.outcome(in_flight, outcome, self.clock.now()));
        }
    }

    /// Has the part of a chord counted that the task is, if it is one, once the burst is stored.
    fn count_or_finish(&self, job: JobId, in_flight: Box<InFlight>, outcome: Outcome, burst: &mut Burst) {
        if let (Some(follower), Some(_), Outcome::Succeeded(success)) =
            (&self.follower, &self.results, &outcome)
            && let Some((part, claim)) = follower.part(&in_flight, value(success))
        {
            burst.items -= 1;
            let stage = Stage::Stored;
            burst.following.count(part, claim, Item::Ended { job, in_flight, outcome, stage });
        } else {
            self.finish(in_flight, outcome, burst);
        }
    }

    /// Settles the message of a task that is done with, and has it told of.
    fn finish(&self, in_flight: Box<InFlight>, outcome: Outcome, burst: &mut Burst) {
        if !in_flight.acked {
            burst.settle.push(settlement(&in_flight, &outcome));
        }
        if self.events.sends_tasks() {
            burst.told.push(Told::Ended(Box::new((in_flight, outcome))));
        }
    }

    /// Stores a burst, again and again while the store is away.
    async fn store(&self, batch: &[StoreResult]) {
        let Some(results) = self.results.as_ref().filter(|_| !batch.is_empty()) else { return };
        if let Err(error) = until_answered("store results", || results.store(batch)).await {
            tracing::error!("Cannot store some of {} results: {error}", batch.len());
        }
    }
}

async fn settle(acknowledger: &dyn Acknowledger, batch: &[Settlement]) {
    if let Err(error) = until_answered("acknowledge messages", || acknowledger.settle(batch)).await {
        tracing::error!("Cannot acknowledge {} messages: {error}", batch.len());
    }
}

/// What becomes of the message of a task that ended unacknowledged.
fn settlement(in_flight: &InFlight, outcome: &Outcome) -> Settlement {
    let tag = in_flight.tag.clone();
    match in_flight.rejection(outcome) {
        Some(true) => Settlement::Requeue(tag),
        Some(false) => Settlement::Reject(tag),
        None => Settlement::Ack(tag),
    }
}

fn publication_refused(reason: &str) -> Outcome {
    Outcome::Failed(Failure {
        exc_type: String::from("OperationalError"),
        exc_module: String::from("kombu.exceptions"),
        exc_message: serde_json::json!([reason]).to_string(),
        repr: format!("OperationalError({reason:?})"),
        ..Failure::default()
    })
}
