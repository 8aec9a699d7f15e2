//! What becomes of a batch of deliveries, and of what was waiting.

use std::time::SystemTime;

use celery_transport::{Delivery, Settlement};
use tokio::time::Instant;

use super::Engine;
use crate::complete::Item;
use crate::fetch::Fetched;
use crate::in_flight::{Admitted, InFlight};
use crate::intake::{Admission, Reason, Refused};
use crate::report::{log_parked, log_received, log_refused};
use crate::{Error, Result};

impl Engine {
    pub(super) fn on_fetched(&mut self, answer: Option<Fetched>) -> Result<()> {
        match answer {
            Some(Fetched::Batch(batch)) => {
                // The next batch is on its way while this one is looked at.
                if !self.parking.is_full() {
                    self.fetcher.ask(self.may_fetch(batch.len()));
                }
                self.admit(batch);
                self.answer_looking();
            }
            Some(Fetched::Looked) => self.answer_looking(),
            Some(Fetched::Failed(error)) if error.is_transient() => {
                tracing::warn!(
                    "consumer: Connection to broker lost. Trying to re-establish the connection...\n{error}"
                );
            }
            Some(Fetched::Failed(error)) => return Err(Error::Broker(error)),
            // It ends before the engine only when it is asked to, and then the engine is as well.
            None => return Err(Error::Stopped("the fetcher")),
            Some(Fetched::Back) => {
                tracing::warn!("consumer: Connection to broker re-established.");
                self.heartbeat.online();
            }
        }
        Ok(())
    }

    fn admit(&mut self, batch: Vec<Delivery>) {
        let now = self.clock.now();
        for delivery in batch {
            if self.holdings.is_stale(&delivery.tag) {
                continue;
            }
            let (due, admitted) = match self.intake.admit(delivery, now) {
                Admission::Now(admitted) => (None, admitted),
                Admission::Later(due, admitted) => (Some(due), admitted),
                Admission::Refused(refused) => {
                    self.refuse(*refused);
                    continue;
                }
            };
            if let Some(due) = due.filter(|due| self.parking.wants(*due, now)) {
                self.park(due, admitted);
                continue;
            }
            log_received(&admitted.in_flight);
            let Some(admitted) = self.unless_revoked(admitted) else { continue };
            self.events.received(&admitted.in_flight);
            match due {
                // What waits for its ETA does not count against the prefetch, as with stock workers.
                Some(due) => self.later.push(due, admitted),
                None => self.submit(admitted),
            }
        }
        self.executor.flush();
    }

    /// Has the broker keep a task that is due far ahead, unless it is revoked. Monitors are told that it was received, or
    /// nobody would see it in them; they are told again by the worker that has it when it is due.
    fn park(&mut self, due: SystemTime, admitted: Admitted) {
        let Some(admitted) = self.unless_revoked(admitted) else { return };
        log_parked(&admitted.in_flight, due);
        self.events.received(&admitted.in_flight);
        self.parking.begin();
        self.settle(Settlement::Park { tag: admitted.in_flight.tag, due });
    }

    /// Forgets what waits here and what the broker has taken back: it delivers that again, and tasks would run twice that
    /// did not even run when the connection was lost. What runs goes on, as with stock workers.
    pub(super) fn drop_stale(&mut self) {
        let holdings = &self.holdings;
        let stale = |in_flight: &InFlight| holdings.is_stale(&in_flight.tag);
        let waiting = self.executor.take_waiting_if(|in_flight| stale(in_flight));
        let limited = self.rates.take_if(|admitted| stale(&admitted.in_flight));
        let later = self.later.take_if(|admitted| stale(&admitted.in_flight));
        let dropped = waiting.len() + limited.len() + later.len();
        let counted = waiting.into_iter().map(|(_, in_flight)| in_flight);
        for in_flight in counted.chain(limited.into_iter().map(|admitted| admitted.in_flight)) {
            self.credit.give_back(in_flight.spec.kind);
        }
        if dropped > 0 {
            tracing::info!(
                "{dropped} messages that waited here are left to the broker, which delivers them again."
            );
        }
    }

    pub(super) fn refuse(&mut self, refused: Refused) {
        log_refused(&refused);
        if matches!(refused.reason, Reason::Expired)
            && let Some(headers) = &refused.headers
        {
            // As upstream, which remembers it for the case that the message comes again.
            self.revoked.add(&headers.id, self.clock.now());
        }
        self.complete(Item::Refused(Box::new(refused)));
    }

    fn submit(&mut self, admitted: Admitted) {
        self.credit.take(admitted.kind);
        if let Some(admitted) = self.rates.pass(admitted, self.clock.now()) {
            self.execute(admitted);
        }
    }

    pub(super) fn execute(&mut self, admitted: Admitted) {
        let Admitted { kind, job, in_flight, expires } = admitted;
        // The executor counts from here on: until now it was the clock's time that passed.
        let mut job = job.with_expiry(expires.and_then(|expires| {
            Instant::now()
                .into_std()
                .checked_add(expires.duration_since(self.clock.now()).unwrap_or_default())
        }));
        job.wants_repr = self.config.log_values || self.events.sends_tasks();
        self.executor.submit(kind, job, in_flight);
    }

    pub(super) fn start_due(&mut self) {
        let now = self.clock.now();
        while let Some(admitted) = self.later.pop_due(now) {
            self.submit(admitted);
        }
        while let Some(admitted) = self.rates.pop_due(now) {
            self.execute(admitted);
        }
        self.executor.flush();
    }
}
