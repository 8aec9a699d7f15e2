//! The engine's state and its loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use celery_executor::{Executor, Kind};
use celery_protocol::control::Command;
use celery_scheduler::{Clock, DueQueue, Revoked};
use celery_transport::{PriorityOrder, Settlement};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{Activity, Watch};
use crate::complete::Item;
use crate::consumed::Consumed;
use crate::credit::Credit;
use crate::events::{Dispatcher, Gauges, Heartbeat};
use crate::fetch::Fetcher;
use crate::holdings::Holdings;
use crate::host::Host;
use crate::in_flight::{Admitted, InFlight};
use crate::intake::Intake;
use crate::mingle::Neighbors;
use crate::parking::Parking;
use crate::rates::RateLimits;
use crate::report::Reporter;
use crate::{Config, Exit, LamportClock, Phase, Result, Shutdown};

/// The way back of an answer to a command.
pub(crate) type Answer = oneshot::Sender<Option<String>>;

/// What comes to the engine from outside.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A control command. `None` is answered to what is not the engine's.
    Command(Command, Answer),
    /// Other workers know these ids to be revoked.
    Revoked(Vec<String>),
    /// Commands may have come that were not heard.
    Missed,
    /// Whether anything goes on.
    Activity(oneshot::Sender<Activity>),
}

pub(crate) struct Engine {
    pub(crate) config: Arc<Config>,
    pub(crate) fetcher: Fetcher,
    pub(crate) asks: mpsc::Receiver<Ask>,
    /// The way into `asks`, for what the engine has others find out.
    pub(crate) asking: mpsc::Sender<Ask>,
    pub(crate) neighbors: Option<Neighbors>,
    pub(crate) intake: Intake,
    pub(crate) credit: Credit,
    /// What looks at tasks, and waits for a fetch to show what was sent before it.
    pub(crate) looking: Vec<Ask>,
    pub(crate) later: DueQueue<Admitted>,
    pub(crate) parking: Parking,
    pub(crate) rates: RateLimits,
    pub(crate) revoked: Revoked,
    pub(crate) consumed: Consumed,
    pub(crate) executor: Executor<Box<InFlight>>,
    pub(crate) holdings: Holdings,
    /// What is to be completed of retries when what they retry has ended: with the number of the retry.
    pub(crate) early: Vec<(u32, Item)>,
    pub(crate) completer: mpsc::UnboundedSender<Item>,
    pub(crate) settler: mpsc::UnboundedSender<Settlement>,
    /// How many items the completer has not completed.
    pub(crate) backlog: Arc<AtomicUsize>,
    /// The kinds of tasks there are.
    pub(crate) kinds: Vec<Kind>,
    /// How many tasks of each were started, by task number.
    pub(crate) totals: Vec<u64>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) events: Dispatcher,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) lamport: LamportClock,
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) watch: Watch,
    pub(crate) host: Option<Arc<dyn Host>>,
    pub(crate) since: Instant,
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
    /// Works until a shutdown has run its course, or until the broker cannot be used any more. Gives the revoked ids, too.
    pub(crate) async fn run(mut self) -> (Result<Exit>, Vec<String>) {
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
            let watch_at = self.next_watch();
            tokio::select! {
                biased;
                () = &mut asked_to_stop => break,
                Some(ask) = self.asks.recv() => self.answer(ask),
                () = self.holdings.lost() => self.drop_stale(),
                () = self.executor.changes(&mut changes) => self.on_changes(&mut changes),
                answer = self.fetcher.answer() => failed = self.on_fetched(answer).err(),
                () = self.parking.progress(), if self.parking.is_full() => {}
                () = tokio::time::sleep(due_in.unwrap_or_default()), if due_in.is_some() => {}
                () = until(watch_at) => self.watch(),
            }
        }
        let exit = self.stop().await;
        (failed.map_or(Ok(exit), Err), self.revoked.ids())
    }

    pub(super) fn answer(&mut self, ask: Ask) {
        if ask.looks_at_tasks() && self.fetcher.look() {
            self.looking.push(ask);
        } else {
            self.answer_now(ask);
        }
    }

    fn answer_now(&mut self, ask: Ask) {
        match ask {
            Ask::Command(command, answer) => {
                // Whoever asked may have given up.
                let _ = answer.send(self.command(&command));
            }
            Ask::Activity(answer) => {
                let _ = answer.send(self.activity());
            }
            Ask::Revoked(ids) => self.learn_revoked(ids.iter().map(String::as_str)),
            Ask::Missed => {
                if let Some(neighbors) = &self.neighbors {
                    neighbors.sync_again(self.revoked.ids(), self.asking.clone());
                }
            }
        }
    }

    /// Answers what waited for a fetch.
    pub(super) fn answer_looking(&mut self) {
        for ask in std::mem::take(&mut self.looking) {
            self.answer_now(ask);
        }
    }

    fn ask_for_more(&mut self) {
        if self.backlog.load(Ordering::Relaxed) > MOST_UNCOMPLETED || self.parking.is_full() {
            return;
        }
        let starved = self.kinds.iter().any(|kind| self.executor.load(*kind).waiting == 0);
        if starved || self.credit.is_worth_a_fetch() {
            self.fetcher.ask(self.may_fetch(0));
        }
    }

    /// How many messages may be fetched when `coming` have been and are not counted yet.
    pub(super) fn may_fetch(&self, coming: usize) -> usize {
        let at_most = match self.config.priority_order {
            PriorityOrder::Celery => FETCH_AT_MOST,
            PriorityOrder::High => FETCH_TO_SORT,
        };
        // Each of them may have an ETA.
        let later =
            self.config.eta_task_limit.map_or(usize::MAX, |limit| limit.saturating_sub(self.later.len()));
        self.credit.available().min(later).saturating_sub(coming).min(at_most)
    }

    /// When it is time for the first of what waits.
    pub(super) fn next_due(&self) -> Option<SystemTime> {
        [self.later.next_due(), self.rates.next_due()].into_iter().flatten().min()
    }

    /// How long until something is due; capped, so that a step of the system's clock is noticed.
    fn due_in(&self) -> Option<Duration> {
        let due = self.next_due()?;
        Some(due.duration_since(self.clock.now()).unwrap_or_default().min(Duration::from_secs(1)))
    }

    pub(super) fn complete(&self, item: Item) {
        self.backlog.fetch_add(1, Ordering::Relaxed);
        // The completer outlives the engine: it ends when this sender is dropped.
        if self.completer.send(item).is_err() {
            tracing::error!("An outcome was dropped: the completer has stopped because of a bug");
        }
    }

    pub(super) fn settle(&self, settlement: Settlement) {
        if self.settler.send(settlement).is_err() {
            tracing::error!("An acknowledgement was dropped: the settler has stopped because of a bug");
        }
    }

    pub(super) fn count_active(&self) {
        let active = [Kind::Async, Kind::Sync].map(|kind| self.executor.load(kind).running);
        self.gauges.active.store(active.iter().sum(), Ordering::Relaxed);
    }
}

impl Ask {
    /// Whether it is about the tasks that are here. A message that was sent before it may not have been fetched: commands
    /// take a way of their own.
    fn looks_at_tasks(&self) -> bool {
        let Self::Command(command, _) = self else { return matches!(self, Self::Activity(_)) };
        matches!(
            command,
            Command::Active { .. } | Command::Reserved | Command::Scheduled | Command::QueryTask { .. }
        )
    }
}

/// Waits until `moment`, without one for ever.
pub(super) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
