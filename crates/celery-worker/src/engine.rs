//! The worker's loop: deliveries in, jobs to the executor, outcomes to the completer.
//!
//! One task owns everything here; nothing is shared and nothing is locked. It never waits for I/O: fetching and
//! completing are tasks of their own, reached through channels.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use celery_executor::{Change, Executor, Kind};
use celery_scheduler::{Clock, DueQueue};
use celery_transport::{DeliveryTag, PriorityOrder, Settlement};
use futures_util::FutureExt;
use tokio::sync::mpsc;

use crate::complete::Item;
use crate::credit::Credit;
use crate::fetch::{Fetched, Fetcher};
use crate::in_flight::{Admitted, InFlight};
use crate::intake::{Admission, Intake, Reason, Refused};
use crate::parking::Parking;
use crate::rates::RateLimits;
use crate::report::{Reporter, log_parked, log_received, log_refused};
use crate::{Error, Exit, Phase, Result, Shutdown};

pub(crate) struct Engine {
    pub(crate) fetcher: Fetcher,
    pub(crate) intake: Intake,
    pub(crate) credit: Credit,
    pub(crate) priority_order: PriorityOrder,
    pub(crate) later: DueQueue<Admitted>,
    pub(crate) parking: Parking,
    pub(crate) rates: RateLimits,
    pub(crate) executor: Executor<Box<InFlight>>,
    pub(crate) completer: mpsc::UnboundedSender<Item>,
    pub(crate) settler: mpsc::UnboundedSender<Settlement>,
    /// How many items the completer has not completed.
    pub(crate) backlog: Arc<AtomicUsize>,
    /// The kinds of tasks there are.
    pub(crate) kinds: Vec<Kind>,
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shutdown: Shutdown,
}

/// A larger batch is no faster: the reply of one fetch is read in one piece.
const FETCH_AT_MOST: usize = 256;

/// How many are fetched at once where only the messages themselves say which is first: all that may be held, within reason.
const FETCH_TO_SORT: usize = 4096;

/// With more outcomes than this on their way to the store, nothing is fetched: a store that is away must not let them
/// grow without bound.
const MOST_UNCOMPLETED: usize = 10_000;

impl Engine {
    /// Works until a shutdown has run its course, or until the broker cannot be used any more.
    pub(crate) async fn run(mut self) -> Result<Exit> {
        let shutdown = self.shutdown.clone();
        let asked_to_stop = shutdown.reached(Phase::Warm);
        tokio::pin!(asked_to_stop);
        let mut changes = Vec::new();
        let mut failed = None;
        while failed.is_none() {
            // Here and not in a branch below: under load the others would never let it have its turn.
            self.start_due();
            self.ask_for_more();
            let due_in = self.due_in();
            tokio::select! {
                biased;
                () = &mut asked_to_stop => break,
                () = self.executor.changes(&mut changes) => self.on_changes(&mut changes),
                answer = self.fetcher.answer() => failed = self.on_fetched(answer).err(),
                () = self.parking.progress(), if self.parking.is_full() => {}
                () = tokio::time::sleep(due_in.unwrap_or_default()), if due_in.is_some() => {}
            }
        }
        let exit = self.stop().await;
        failed.map_or(Ok(exit), Err)
    }

    fn ask_for_more(&mut self) {
        if self.backlog.load(Ordering::Relaxed) > MOST_UNCOMPLETED || self.parking.is_full() {
            return;
        }
        let starved = self.kinds.iter().any(|kind| self.executor.load(*kind).waiting == 0);
        if starved || self.credit.is_worth_a_fetch() {
            self.fetcher.ask(self.credit.available().min(self.fetch_at_most()));
        }
    }

    fn fetch_at_most(&self) -> usize {
        match self.priority_order {
            PriorityOrder::Celery => FETCH_AT_MOST,
            PriorityOrder::High => FETCH_TO_SORT,
        }
    }

    /// How long until something is due; capped, so that a step of the system's clock is noticed.
    fn due_in(&self) -> Option<Duration> {
        let due = [self.later.next_due(), self.rates.next_due()].into_iter().flatten().min()?;
        Some(due.duration_since(self.clock.now()).unwrap_or_default().min(Duration::from_secs(1)))
    }

    fn on_fetched(&mut self, answer: Option<Fetched>) -> Result<()> {
        match answer {
            Some(Fetched::Batch(batch)) => {
                // The next batch is on its way while this one is looked at.
                if !self.parking.is_full() {
                    let left = self.credit.available().saturating_sub(batch.len());
                    self.fetcher.ask(left.min(self.fetch_at_most()));
                }
                let now = self.clock.now();
                for delivery in batch {
                    match self.intake.admit(delivery, now) {
                        Admission::Now(admitted) => {
                            log_received(&admitted.in_flight);
                            self.submit(admitted);
                        }
                        // Received is what the worker will run that has it when it is due.
                        Admission::Later(due, admitted) if self.parking.wants(due, now) => {
                            log_parked(&admitted.in_flight, due);
                            self.parking.begin();
                            self.settle(Settlement::Park { tag: admitted.in_flight.tag, due });
                        }
                        // What waits for its ETA does not count against the prefetch, as with stock workers.
                        Admission::Later(due, admitted) => {
                            log_received(&admitted.in_flight);
                            self.later.push(due, admitted);
                        }
                        Admission::Refused(refused) => {
                            log_refused(&refused);
                            self.complete(Item::Refused(Box::new(refused)));
                        }
                    }
                }
                self.executor.flush();
            }
            Some(Fetched::Failed(error)) if error.is_transient() => {
                tracing::warn!(
                    "consumer: Connection to broker lost. Trying to re-establish the connection...\n{error}"
                );
            }
            Some(Fetched::Failed(error)) => return Err(Error::Broker(error)),
            // It ends before the engine only when it is asked to, and then the engine is as well.
            None => return Err(Error::Stopped("the fetcher")),
            Some(Fetched::Back) => tracing::warn!("consumer: Connection to broker re-established."),
        }
        Ok(())
    }

    fn submit(&mut self, admitted: Admitted) {
        self.credit.take(admitted.kind);
        if let Some(admitted) = self.rates.pass(admitted, self.clock.now()) {
            self.execute(admitted);
        }
    }

    fn execute(&mut self, admitted: Admitted) {
        let Admitted { kind, job, in_flight } = admitted;
        self.executor.submit(kind, job, in_flight);
    }

    fn start_due(&mut self) {
        let now = self.clock.now();
        while let Some(admitted) = self.later.pop_due(now) {
            self.submit(admitted);
        }
        while let Some(admitted) = self.rates.pop_due(now) {
            self.execute(admitted);
        }
        self.executor.flush();
    }

    fn on_changes(&mut self, changes: &mut Vec<Change>) {
        for change in changes.drain(..) {
            match change {
                Change::Dispatched(job) => {
                    let Some(in_flight) = self.executor.context(job) else { continue };
                    if !in_flight.spec.acks_late {
                        in_flight.acked = true;
                        let tag = in_flight.tag.clone();
                        self.credit.give_back(in_flight.spec.kind);
                        self.settle(Settlement::Ack(tag));
                    }
                }
                Change::Started(job) => {
                    let now = self.clock.now();
                    let Some(in_flight) = self.executor.context(job) else { continue };
                    if let Some(result) = self.reporter.started(in_flight, now) {
                        self.complete(Item::Store { job: None, result });
                    }
                }
                Change::Expired(job) => {
                    let Some(in_flight) = self.executor.finish(job) else { continue };
                    self.credit.give_back(in_flight.spec.kind);
                    let InFlight { tag, headers, .. } = *in_flight;
                    let refused = Refused { tag, headers: Some(headers), reason: Reason::Expired };
                    log_refused(&refused);
                    self.complete(Item::Refused(Box::new(refused)));
                }
                Change::SoftLimit(job, limit) => {
                    if let Some(in_flight) = self.executor.context(job) {
                        let (name, id) = (in_flight.name(), &in_flight.headers.id);
                        tracing::warn!(
                            "Soft time limit ({}s) exceeded for {name}[{id}]",
                            limit.as_secs_f64()
                        );
                    }
                }
                Change::Store(job, outcome) => {
                    let now = self.clock.now();
                    let Some(in_flight) = self.executor.context(job) else { continue };
                    if let Some(result) = self.reporter.outcome(in_flight, &outcome, now) {
                        self.complete(Item::Store { job: Some(job), result });
                    }
                }
                Change::Ended(job, outcome) => {
                    let Some(in_flight) = self.executor.finish(job) else { continue };
                    if !in_flight.acked {
                        self.credit.give_back(in_flight.spec.kind);
                    }
                    self.complete(Item::Ended { job, in_flight, outcome });
                }
                _ => {}
            }
        }
    }

    fn complete(&self, item: Item) {
        self.backlog.fetch_add(1, Ordering::Relaxed);
        // The completer outlives the engine: it ends when this sender is dropped.
        if self.completer.send(item).is_err() {
            tracing::error!("An outcome was dropped: the completer has stopped because of a bug");
        }
    }

    fn settle(&self, settlement: Settlement) {
        if self.settler.send(settlement).is_err() {
            tracing::error!("An acknowledgement was dropped: the settler has stopped because of a bug");
        }
    }

    /// Gives back what has not started and lets the rest finish, unless told to be quick.
    async fn stop(mut self) -> Exit {
        tracing::warn!("worker: Warm shutdown (MainProcess)");
        let mut waiting = self.take_waiting();
        let shutdown = self.shutdown.clone();
        let cold = shutdown.reached(Phase::Cold);
        tokio::pin!(cold);
        let mut changes = Vec::new();
        let mut fetching = self.fetcher.is_asked();
        while fetching || !self.executor.is_idle() {
            if !fetching {
                self.give_back(&mut waiting, Vec::new());
            }
            tokio::select! {
                biased;
                () = &mut cold => {
                    tracing::warn!("worker: Cold shutdown (MainProcess)");
                    self.give_back(&mut waiting, Vec::new());
                    // What has ended already has ended.
                    if let Some(()) = self.executor.changes(&mut changes).now_or_never() {
                        self.on_changes(&mut changes);
                    }
                    self.executor.abandon_running();
                    return Exit::Cold;
                }
                answer = self.fetcher.answer(), if fetching => {
                    // A fetch that was under way: what it took has not started either.
                    fetching = answer.is_some();
                    if let Some(Fetched::Batch(batch)) = answer {
                        fetching = false;
                        self.give_back(&mut waiting, batch.into_iter().map(|delivery| delivery.tag).collect());
                    }
                }
                () = self.executor.changes(&mut changes) => self.on_changes(&mut changes),
            }
        }
        self.give_back(&mut waiting, Vec::new());
        Exit::Warm
    }

    /// Takes back what waits, in the order in which it came.
    fn take_waiting(&mut self) -> Vec<DeliveryTag> {
        let mut waiting = self.executor.take_waiting();
        let others = self.rates.drain().into_iter().chain(self.later.drain());
        waiting.extend(others.map(|admitted| (admitted.job, admitted.in_flight)));
        waiting.sort_by_key(|(job, _)| job.id);
        waiting.into_iter().map(|(_, in_flight)| in_flight.tag).collect()
    }

    /// Gives back what waits and then came, so that another worker can have it now. The last first: each is put where
    /// it is served next, so the queue ends in its old order.
    fn give_back(&self, waiting: &mut Vec<DeliveryTag>, came: Vec<DeliveryTag>) {
        for tag in came.into_iter().rev().chain(waiting.drain(..).rev()) {
            self.settle(Settlement::Restore(tag));
        }
    }
}
