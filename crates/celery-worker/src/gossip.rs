//! What other workers say of themselves (`celery/worker/consumer/gossip.py`, without its elections).

use std::collections::HashMap;
use std::time::Duration;

use celery_protocol::event::{Event, EventKind, Number, decode_all};
use celery_transport::Subscription;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::LamportClock;

/// How often missed heartbeats are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How many heartbeats have to be missed (`celery/events/state.py: HEARTBEAT_EXPIRE_WINDOW`, 200 %).
const MISSED: f64 = 2.0;
/// The interval of a worker that does not tell its own.
const USUAL: f64 = 60.0;

/// Listens to the events of workers until it is dropped: keeps the clock ahead of theirs, and says who comes and goes.
pub(crate) async fn listen(mut subscription: Box<dyn Subscription>, node: String, clock: LamportClock) {
    let mut party = Party::default();
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            next = subscription.next() => match next {
                Ok(broadcast) => {
                    let Ok(message) = broadcast.message else { continue };
                    for event in decode_all(&message.body).iter().flatten() {
                        if event.hostname != node {
                            clock.adjust(event.clock.unwrap_or_default());
                            party.hear(event, Instant::now());
                        }
                    }
                }
                Err(error) if error.is_transient() => tokio::time::sleep(Duration::from_secs(1)).await,
                Err(error) => {
                    tracing::error!("Other workers are not listened to any more: {error}");
                    return;
                }
            },
            _ = look.tick() => {
                for lost in party.lost(Instant::now()) {
                    tracing::info!("missed heartbeat from {lost}");
                }
            }
        }
    }
}

/// The other workers: until when each is taken for alive.
#[derive(Debug, Default)]
struct Party(HashMap<String, Instant>);

impl Party {
    fn hear(&mut self, event: &Event<'_>, now: Instant) {
        let status = match &event.kind {
            EventKind::WorkerOnline(status) | EventKind::WorkerHeartbeat(status) => status,
            EventKind::WorkerOffline(_) => {
                if self.0.remove(&*event.hostname).is_some() {
                    tracing::debug!("{} left", event.hostname);
                }
                return;
            }
            _ => return,
        };
        let every = status.freq.map_or(USUAL, Number::as_f64).clamp(0.0, 3600.0);
        let until = now + Duration::from_secs_f64(every * MISSED);
        if self.0.insert(event.hostname.to_string(), until).is_none() {
            tracing::debug!("{} joined the party", event.hostname);
        }
    }

    /// Those whose heartbeats are missed; they are forgotten.
    fn lost(&mut self, now: Instant) -> Vec<String> {
        let lost: Vec<_> =
            self.0.iter().filter(|(_, until)| **until < now).map(|(node, _)| node.clone()).collect();
        self.0.retain(|_, until| *until >= now);
        lost
    }
}

#[cfg(test)]
mod tests {
    use celery_protocol::event::WorkerStatus;

    use super::*;

    #[test]
    fn a_worker_that_falls_silent_is_missed_once() {
        let mut party = Party::default();
        let start = Instant::now();
        let status = || WorkerStatus { freq: Some(2.0.into()), ..WorkerStatus::default() };
        party.hear(&Event::new("w2@h", EventKind::WorkerOnline(status()), 1.0), start);
        party.hear(&Event::new("w3@h", EventKind::WorkerHeartbeat(status()), 1.0), start);
        party.hear(&Event::new("w3@h", EventKind::WorkerOffline(status()), 2.0), start);
        assert!(party.lost(start + Duration::from_secs(4)).is_empty());
        assert_eq!(party.lost(start + Duration::from_secs(5)), ["w2@h"]);
        assert!(party.lost(start + Duration::from_secs(50)).is_empty());
    }
}
