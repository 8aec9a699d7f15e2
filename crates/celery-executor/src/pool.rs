//! Lanes with slots, and the queue in front of them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use crate::{Health, Job, Runner};

/// A runner and how many jobs it may have at once.
#[derive(Clone)]
pub struct Lane {
    runner: Arc<dyn Runner>,
    slots: usize,
    used: usize,
    started: bool,
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("slots", &self.slots).field("used", &self.used).finish_non_exhaustive()
    }
}

impl Lane {
    /// `slots` slots on `runner`.
    pub fn new(runner: Arc<dyn Runner>, slots: usize) -> Self {
        Self { runner, slots, used: 0, started: false }
    }

    /// Its runner.
    pub fn runner(&self) -> &Arc<dyn Runner> {
        &self.runner
    }

    /// How many jobs it may have at once.
    pub fn slots(&self) -> usize {
        self.slots
    }
}

/// The lanes of one kind, and the jobs that wait for a slot of theirs: by rank, then first come.
#[derive(Debug)]
pub(crate) struct Pool<C> {
    lanes: Vec<Lane>,
    waiting: BTreeMap<u16, VecDeque<(Job, C)>>,
    waiting_count: usize,
}

impl<C> Pool<C> {
    pub(crate) fn new(lanes: Vec<Lane>) -> Self {
        Self { lanes, waiting: BTreeMap::new(), waiting_count: 0 }
    }

    pub(crate) fn push(&mut self, job: Job, context: C) {
        self.waiting.entry(job.rank).or_default().push_back((job, context));
        self.waiting_count += 1;
    }

    /// The next job and the lane for it, if there are both. The slot is taken.
    pub(crate) fn next(&mut self) -> Option<(usize, Job, C)> {
        let mut first = self.waiting.first_entry()?;
        let (lane, _) = self
            .lanes
            .iter()
            .enumerate()
            .filter(|(_, lane)| lane.used < lane.slots)
            .min_by_key(|(_, lane)| lane.used)?;
        let (job, context) = first.get_mut().pop_front()?;
        if first.get().is_empty() {
            first.remove();
        }
        self.waiting_count -= 1;
        self.lanes[lane].used += 1;
        Some((lane, job, context))
    }

    pub(crate) fn start(&mut self, lane: usize, job: Job) {
        self.lanes[lane].started = true;
        self.lanes[lane].runner.start(job);
    }

    pub(crate) fn flush(&mut self) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.started) {
            lane.started = false;
            lane.runner.flush();
        }
    }

    pub(crate) fn runner(&self, lane: usize) -> &dyn Runner {
        &*self.lanes[lane].runner
    }

    pub(crate) fn free(&mut self, lane: usize) {
        self.lanes[lane].used -= 1;
    }

    /// Adds `by` slots, or takes them away, evenly among the lanes; each keeps at least one.
    pub(crate) fn resize(&mut self, by: isize) {
        let count = self.lanes.len().max(1);
        let total = self.slots().saturating_add_signed(by).max(count);
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let slots = total / count + usize::from(index < total % count);
            if slots != lane.slots {
                lane.slots = slots;
                lane.runner.resize(slots);
            }
        }
    }

    /// What waits for a slot, first served first.
    pub(crate) fn contexts(&self) -> impl Iterator<Item = &C> {
        self.waiting.values().flatten().map(|(_, context)| context)
    }

    /// Takes out of what waits whatever `wanted` says.
    pub(crate) fn take_waiting_if(&mut self, mut wanted: impl FnMut(&C) -> bool) -> Vec<(Job, C)> {
        let mut taken = Vec::new();
        for jobs in self.waiting.values_mut() {
            if jobs.iter().any(|(_, context)| wanted(context)) {
                for entry in std::mem::take(jobs) {
                    if wanted(&entry.1) { taken.push(entry) } else { jobs.push_back(entry) }
                }
            }
        }
        self.waiting.retain(|_, jobs| !jobs.is_empty());
        self.waiting_count -= taken.len();
        taken
    }

    pub(crate) fn probe(&self) {
        for lane in self.lanes.iter().filter(|lane| lane.used > 0) {
            lane.runner.probe();
        }
    }

    /// Each lane's slots, how many are used, and how its runner is.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = (usize, usize, Health)> {
        self.lanes.iter().map(|lane| (lane.slots, lane.used, lane.runner.health()))
    }

    pub(crate) fn slots(&self) -> usize {
        self.lanes.iter().map(|lane| lane.slots).sum()
    }

    pub(crate) fn used(&self) -> usize {
        self.lanes.iter().map(|lane| lane.used).sum()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting_count
    }

    pub(crate) fn take_waiting(&mut self) -> Vec<(Job, C)> {
        self.waiting_count = 0;
        std::mem::take(&mut self.waiting).into_values().flatten().collect()
    }
}
