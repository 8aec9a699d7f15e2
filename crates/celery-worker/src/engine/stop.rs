//! The stages of a shutdown.

use std::time::Duration;

use celery_transport::{DeliveryTag, Settlement};
use futures_util::FutureExt;
use tokio::time::Instant;

use super::Engine;
use super::core::until;
use crate::complete::Item;
use crate::fetch::Fetched;
use crate::{Exit, Phase};

impl Engine {
    /// Gives back what has not started and lets the rest finish, unless told to be quick.
    pub(super) async fn stop(&mut self) -> Exit {
        if self.shutdown.phase() <= Phase::Warm {
            tracing::warn!("worker: Warm shutdown (MainProcess)");
        }
        self.answer_looking();
        let mut waiting = self.take_waiting();
        let shutdown = self.shutdown.clone();
        let (soft, cold) = (shutdown.reached(Phase::Soft), shutdown.reached(Phase::Cold));
        tokio::pin!(soft, cold);
        let mut softened = false;
        let mut deadline = None;
        let mut changes = Vec::new();
        let mut fetching = self.fetcher.is_asked();
        while fetching || !self.executor.is_idle() {
            if !fetching {
                self.give_back(&mut waiting, Vec::new());
            }
            tokio::select! {
                biased;
                () = &mut cold => return self.cold(waiting),
                () = &mut soft, if !softened => {
                    softened = true;
                    deadline = self.soft();
                }
                () = until(deadline) => shutdown.advance(Phase::Cold),
                Some(ask) = self.asks.recv() => self.answer(ask),
                answer = self.fetcher.answer(), if fetching => {
                    // A fetch that was under way: what it took has not started either.
                    fetching = answer.is_some();
                    if let Some(Fetched::Batch(batch)) = answer {
                        fetching = false;
                        self.give_back(&mut waiting, batch.into_iter().map(|delivery| delivery.tag).collect());
                    }
                    self.answer_looking();
                }
                () = self.executor.changes(&mut changes) => self.on_changes(&mut changes),
            }
        }
        self.give_back(&mut waiting, Vec::new());
        if shutdown.phase() < Phase::Soft {
            return Exit::Warm;
        }
        tracing::warn!("worker: Cold shutdown (MainProcess)");
        Exit::Cold
    }

    /// What a cold shutdown waits for: tasks that run, for as long as `worker_soft_shutdown_timeout` says
    /// (`celery/worker/worker.py: WorkController.wait_for_soft_shutdown`). Upstream sleeps that long even when they end
    /// sooner, or when nothing runs; here there is nothing to wait for then.
    fn soft(&self) -> Option<Instant> {
        let timeout = self.config.soft_shutdown_timeout;
        if timeout == Duration::ZERO || self.executor.is_idle() {
            self.shutdown.advance(Phase::Cold);
            return None;
        }
        tracing::warn!("Initiating Soft Shutdown, terminating in {} seconds", timeout.as_secs_f64());
        Instant::now().checked_add(timeout)
    }

    /// Gives up what runs. What of it is not acknowledged goes back when the consumer is closed; what is acknowledged is
    /// said to be cancelled (`celery/worker/consumer/consumer.py: Consumer.cancel_active_requests`).
    fn cold(&mut self, mut waiting: Vec<DeliveryTag>) -> Exit {
        tracing::warn!("worker: Cold shutdown (MainProcess)");
        self.give_back(&mut waiting, Vec::new());
        // What has ended already has ended.
        let mut changes = Vec::new();
        if let Some(()) = self.executor.changes(&mut changes).now_or_never() {
            self.on_changes(&mut changes);
        }
        let now = self.clock.now();
        for in_flight in self.executor.abandon_running() {
            self.events.cancelled(&in_flight);
            if in_flight.acked
                && let Some(result) = self.reporter.cancelled(&in_flight, now)
            {
                self.complete(Item::Store { job: None, result });
            }
        }
        // What they retry will not end.
        for (_, item) in std::mem::take(&mut self.early) {
            self.complete(item);
        }
        Exit::Cold
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
