//! What becomes of a job.

use std::sync::atomic::Ordering;

use celery_executor::Change;
use celery_transport::Settlement;

use super::Engine;
use crate::complete::{Item, Stage};
use crate::in_flight::InFlight;
use crate::intake::{Reason, Refused};

impl Engine {
    pub(super) fn on_changes(&mut self, changes: &mut Vec<Change>) {
        for change in changes.drain(..) {
            match change {
                Change::Dispatched(job) => {
                    let now = self.clock.now();
                    let Some(in_flight) = self.executor.context(job) else { continue };
                    in_flight.started = Some(now);
                    self.events.started(in_flight);
                    if let Some(total) = self
                        .intake
                        .number(&in_flight.spec.name)
                        .and_then(|task| self.totals.get_mut(task as usize))
                    {
                        *total += 1;
                    }
                    self.gauges.processed.fetch_add(1, Ordering::Relaxed);
                    if !in_flight.spec.acks_late {
                        in_flight.acked = true;
                        let tag = in_flight.tag.clone();
                        if !self.credit.is_held_to_the_end() {
                            self.credit.give_back(in_flight.spec.kind);
                        }
                        self.settle(Settlement::Ack(tag));
                    }
                }
                Change::Started(job) => {
                    let now = self.clock.now();
                    let Some(in_flight) = self.executor.context(job) else { continue };
                    if let Some(result) = self.reporter.started(in_flight, now) {
                        let retries = in_flight.headers.retries;
                        self.complete_in_turn(retries, Item::Store { job: None, result });
                    }
                }
                Change::Expired(job) => {
                    let Some(in_flight) = self.executor.finish(job) else { continue };
                    self.credit.give_back(in_flight.spec.kind);
                    self.refuse(Refused::admitted(*in_flight, Reason::Expired));
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
                        let retries = in_flight.headers.retries;
                        self.complete_in_turn(retries, Item::Store { job: Some(job), result });
                    }
                }
                Change::Ended(job, outcome) => {
                    let Some(in_flight) = self.executor.finish(job) else { continue };
                    if !in_flight.acked || self.credit.is_held_to_the_end() {
                        self.credit.give_back(in_flight.spec.kind);
                    }
                    let retries = in_flight.headers.retries;
                    self.complete_in_turn(
                        retries,
                        Item::Ended { job, in_flight, outcome, stage: Stage::New },
                    );
                }
                _ => {}
            }
        }
        self.count_active();
    }

    /// Completes something of a task, unless that is the retry of one that still runs: then that one's end comes first, so
    /// that what is stored and told last is what is true. A task sends its retry before it ends, and what it does besides
    /// may take longer than all of the retry.
    fn complete_in_turn(&mut self, retries: u32, item: Item) {
        let id = item.task_id().unwrap_or_default();
        let retried = |other: &InFlight| other.headers.id == id && other.headers.retries < retries;
        // Their ends may be told in one batch, in any order.
        if retries > 0 && self.executor.unfinished().any(|other| retried(other)) {
            self.early.push((retries, item));
            return;
        }
        let ended = (!self.early.is_empty() && matches!(item, Item::Ended { .. })).then(|| id.to_owned());
        self.complete(item);
        if let Some(id) = ended {
            let now: Vec<_> = self.early.extract_if(.., |(_, item)| item.task_id() == Some(&*id)).collect();
            now.into_iter().for_each(|(retries, item)| self.complete_in_turn(retries, item));
        }
    }
}
