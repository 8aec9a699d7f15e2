//! Lanes with slots, and the queue in front of them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use crate::{Job, Runner};

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
