//! Jobs in, changes out.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::limits::{Deadlines, Limit};
use crate::pool::Pool;
use crate::{Event, EventReceiver, Health, Interrupt, Job, JobId, Kind, Lane, Limits, Outcome};

/// What became of a job.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change {
    /// The job has a slot and was handed to its runner: the moment of an early acknowledgement.
    Dispatched(JobId),
    /// The job expired before it got a slot and was not started. [`Executor::finish`] gives back what came with it.
    Expired(JobId),
    /// The job's body has started.
    Started(JobId),
    /// The job passed its soft time limit and is being interrupted.
    SoftLimit(JobId, Duration),
    /// The job's outcome can be stored; the job goes on with its hooks.
    Store(JobId, Outcome),
    /// The job has ended, or was given up. It keeps its slot until [`Executor::finish`].
    Ended(JobId, Outcome),
}

/// How busy a pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// How many jobs can run at once.
    pub slots: usize,
    /// How many run.
    pub running: usize,
    /// How many wait for a slot.
    pub waiting: usize,
}

/// How busy one lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneLoad {
    /// How many jobs can run at once.
    pub slots: usize,
    /// How many run.
    pub running: usize,
    /// How its runner is.
    pub health: Health,
}

#[derive(Debug)]
struct Running<C> {
    kind: Kind,
    lane: usize,
    limits: Limits,
    /// Its end was told; nothing more is heard of it.
    ended: bool,
    context: C,
}

/// Two pools, the jobs in them, and their time limits. Owned by one task; nothing in it is shared.
///
/// `C` is what the caller wants to keep with a job while it runs.
#[derive(Debug)]
pub struct Executor<C> {
    loops: Pool<C>,
    threads: Pool<C>,
    running: HashMap<JobId, Running<C>>,
    deadlines: Deadlines,
    stuck: HashSet<JobId>,
    receiver: EventReceiver,
    events: Vec<Event>,
    changes: Vec<Change>,
}

impl<C> Executor<C> {
    /// An executor over the lanes of event loops and of threads, whose runners report to `receiver`.
    pub fn new(loops: Vec<Lane>, threads: Vec<Lane>, receiver: EventReceiver) -> Self {
        Self {
            loops: Pool::new(loops),
            threads: Pool::new(threads),
            running: HashMap::new(),
            deadlines: Deadlines::default(),
            stuck: HashSet::new(),
            receiver,
            events: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Takes a job: it starts at once if a slot is free. Call [`flush`](Self::flush) after a burst.
    pub fn submit(&mut self, kind: Kind, job: Job, context: C) {
        self.pool(kind).push(job, context);
        self.dispatch(kind);
    }

    /// Wakes the runners that were given jobs since the last flush.
    pub fn flush(&mut self) {
        self.loops.flush();
        self.threads.flush();
    }

    /// Waits for changes and moves them to `into`. Cancel-safe.
    pub async fn changes(&mut self, into: &mut Vec<Change>) {
        loop {
            self.collect();
            self.flush();
            if !self.changes.is_empty() {
                into.append(&mut self.changes);
                return;
            }
            match self.deadlines.next() {
                Some(at) => tokio::select! {
                    () = self.receiver.wait() => {}
                    () = sleep_until(at) => {}
                },
                None => self.receiver.wait().await,
            }
        }
    }

    /// What the caller gave with a job that runs.
    pub fn context(&mut self, job: JobId) -> Option<&mut C> {
        self.running.get_mut(&job).map(|running| &mut running.context)
    }

    /// How busy the pool of a kind is.
    pub fn load(&self, kind: Kind) -> Load {
        let pool = self.pool_of(kind);
        Load { slots: pool.slots(), running: pool.used(), waiting: pool.waiting() }
    }

    /// How busy each lane of a kind is.
    pub fn lanes(&self, kind: Kind) -> Vec<LaneLoad> {
        let lane = |(slots, running, health)| LaneLoad { slots, running, health };
        self.pool_of(kind).lanes().map(lane).collect()
    }

    /// Has the runners that have jobs find out how they are: [`lanes`](Self::lanes) tells later.
    pub fn probe(&self) {
        self.loops.probe();
        self.threads.probe();
    }

    /// What the caller gave with the jobs that run and whose end was not told.
    pub fn running(&self) -> impl Iterator<Item = (JobId, &C)> {
        self.running
            .iter()
            .filter(|(_, running)| !running.ended)
            .map(|(job, running)| (*job, &running.context))
    }

    /// What the caller gave with the jobs that were dispatched and that it has not [finished](Self::finish).
    pub fn unfinished(&self) -> impl Iterator<Item = &C> {
        self.running.values().map(|running| &running.context)
    }

    /// What the caller gave with the jobs that wait for a slot.
    pub fn waiting(&self) -> impl Iterator<Item = &C> {
        self.loops.contexts().chain(self.threads.contexts())
    }

    /// Takes back the waiting jobs for which `wanted` says so: they have not started.
    pub fn take_waiting_if(&mut self, mut wanted: impl FnMut(&C) -> bool) -> Vec<(Job, C)> {
        let mut taken = self.loops.take_waiting_if(&mut wanted);
        taken.extend(self.threads.take_waiting_if(&mut wanted));
        taken
    }

    /// Adds `by` slots to the pool of a kind, or takes them away; each lane keeps at least one. What runs goes on.
    pub fn resize(&mut self, kind: Kind, by: isize) {
        self.pool(kind).resize(by);
        self.dispatch(kind);
        self.flush();
    }

    /// Ends a job that runs, at once: it is interrupted, [`Change::Ended`] follows with [`Outcome::Terminated`], and
    /// nothing more is heard of it. Returns whether it ran.
    pub fn terminate(&mut self, job: JobId, signal: i32) -> bool {
        let Some(running) = self.running.get_mut(&job).filter(|running| !running.ended) else { return false };
        let (kind, lane) = (running.kind, running.lane);
        running.ended = true;
        self.give_up(job, kind, lane, Interrupt::Terminate);
        self.changes.push(Change::Ended(job, Outcome::Terminated { signal }));
        true
    }

    /// How many jobs go on after having been given up.
    pub fn stuck(&self) -> usize {
        self.stuck.len()
    }

    /// Whether no job runs.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Takes back the jobs that wait for a slot: they have not started.
    pub fn take_waiting(&mut self) -> Vec<(Job, C)> {
        let mut waiting = self.loops.take_waiting();
        waiting.extend(self.threads.take_waiting());
        waiting
    }

    /// Takes leave of a job whose end was told: its slot is free, and what the caller gave with it comes back.
    pub fn finish(&mut self, job: JobId) -> Option<C> {
        let running = self.running.remove(&job)?;
        self.release(running.kind, running.lane);
        Some(running.context)
    }

    /// Gives up every running job: each is interrupted, and nothing more is heard of it.
    ///
    /// To be called after [`take_waiting`](Self::take_waiting), or what waits is started in their place.
    pub fn abandon_running(&mut self) -> Vec<C> {
        let running = std::mem::take(&mut self.running);
        let mut contexts = Vec::with_capacity(running.len());
        for (job, running) in running {
            if !running.ended {
                self.give_up(job, running.kind, running.lane, Interrupt::Abandon);
            }
            self.release(running.kind, running.lane);
            contexts.push(running.context);
        }
        contexts
    }

    fn collect(&mut self) {
        // Events first: a job that ended before its limit was noticed has ended in time.
        let mut events = std::mem::take(&mut self.events);
        self.receiver.take(&mut events);
        for event in events.drain(..) {
            self.on_event(event);
        }
        self.events = events;
        while let Some((job, limit)) = self.deadlines.pop_due(Instant::now()) {
            self.on_limit(job, limit);
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Started { job, at } => {
                if let Some(running) = self.running.get(&job) {
                    self.deadlines.start(job, Instant::from_std(at), running.limits);
                    self.deadlines.tidy(self.running.len(), |job| self.running.contains_key(&job));
                    self.changes.push(Change::Started(job));
                }
            }
            Event::Store { job, outcome } => {
                if self.running.contains_key(&job) {
                    self.changes.push(Change::Store(job, outcome));
                }
            }
            Event::Ended { job, outcome } => match self.running.get_mut(&job) {
                Some(running) if !running.ended => {
                    running.ended = true;
                    self.changes.push(Change::Ended(job, outcome));
                }
                _ => {
                    self.stuck.remove(&job);
                }
            },
        }
    }

    fn on_limit(&mut self, job: JobId, limit: Limit) {
        let Some(running) = self.running.get_mut(&job).filter(|running| !running.ended) else { return };
        let (kind, lane, limits) = (running.kind, running.lane, running.limits);
        match limit {
            Limit::Soft => {
                let soft = limits.soft.unwrap_or_default();
                self.pool(kind).runner(lane).interrupt(job, Interrupt::Soft(soft));
                self.changes.push(Change::SoftLimit(job, soft));
            }
            Limit::Hard => {
                let limit = limits.hard.unwrap_or_default();
                running.ended = true;
                self.give_up(job, kind, lane, Interrupt::Abandon);
                self.changes.push(Change::Ended(job, Outcome::TimedOut { limit }));
            }
        }
    }

    fn give_up(&mut self, job: JobId, kind: Kind, lane: usize, how: Interrupt) {
        self.stuck.insert(job);
        self.pool(kind).runner(lane).interrupt(job, how);
    }

    fn release(&mut self, kind: Kind, lane: usize) {
        self.pool(kind).free(lane);
        self.dispatch(kind);
    }

    fn dispatch(&mut self, kind: Kind) {
        while let Some((lane, job, context)) = self.pool(kind).next() {
            let id = job.id;
            let ended = job.expires.is_some_and(|expires| expires <= Instant::now().into_std());
            self.running.insert(id, Running { kind, lane, limits: job.limits, ended, context });
            if ended {
                self.changes.push(Change::Expired(id));
                continue;
            }
            self.changes.push(Change::Dispatched(id));
            self.pool(kind).start(lane, job);
        }
    }

    fn pool_of(&self, kind: Kind) -> &Pool<C> {
        match kind {
            Kind::Async => &self.loops,
            Kind::Sync => &self.threads,
        }
    }

    fn pool(&mut self, kind: Kind) -> &mut Pool<C> {
        match kind {
            Kind::Async => &mut self.loops,
            Kind::Sync => &mut self.threads,
        }
    }
}
