//! Periodic tasks, sent by this worker when they are due: what `celery beat` does.
//!
//! Protocol: one task of the runtime owns the timetable, and sends one call after the other. It starts when the worker is
//! ready. A call that is due is taken from the timetable before it is sent, so it is sent once; while the broker is away
//! the sending of it is tried again, and whatever else has become due by then is sent once after it. When a shutdown
//! begins nothing more is taken, and what is being sent may finish within a few seconds.

use std::sync::Arc;
use std::time::Duration;

use celery_client::Signature;
use celery_scheduler::{Clock, Schedule, Timetable};
use celery_worker::{Phase, Sender, Shutdown};
use tokio::sync::watch;

use crate::Error;

/// The longest pause: after it the clock is read again, since it may have been set, or the machine may have slept.
const LONGEST: Duration = Duration::from_secs(60);

/// How long a shutdown waits for what is being sent.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A periodic task as it was given.
pub(crate) struct Periodic {
    pub(crate) name: String,
    pub(crate) schedule: Box<dyn Schedule>,
    pub(crate) call: Signature,
}

/// The timetable of a worker. Intervals count from now on.
pub(crate) fn timetable(given: Vec<Periodic>, clock: &dyn Clock) -> Result<Timetable<Signature>, Error> {
    let mut timetable = Timetable::new();
    for Periodic { name, schedule, call } in given {
        if let Err(error) = call.check() {
            return Err(Error::Periodic { name, reason: error.to_string() });
        }
        // `celery/beat.py: Scheduler.apply_async`
        let call = call.header("celery_beat_task", true);
        timetable.add(name, schedule, call, clock.now())?;
    }
    Ok(timetable)
}

/// Sends what is due.
#[derive(Debug)]
pub(crate) struct Beat {
    pub(crate) timetable: Timetable<Signature>,
    pub(crate) sender: Arc<Sender>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shutdown: Shutdown,
}

impl Beat {
    /// Runs until the worker is shut down, or nothing will be due any more.
    pub(crate) async fn run(mut self) {
        let mut phases = self.shutdown.phases();
        reached(&mut phases, Phase::Ready).await;
        while let Some(due) = self.timetable.next_due() {
            let pause = due.duration_since(self.clock.now()).unwrap_or_default().min(LONGEST);
            tokio::select! {
                biased;
                () = reached(&mut phases, Phase::Warm) => return,
                () = tokio::time::sleep(pause) => self.tick(&mut phases).await,
            }
        }
    }

    /// Sends one call, if one is due.
    async fn tick(&mut self, phases: &mut watch::Receiver<Phase>) {
        let Some(due) = self.timetable.take_due(self.clock.now()) else { return };
        let (name, call) = (&due.entry.name, &due.entry.item);
        tracing::info!("Scheduler: Sending due task {name} ({})", call.task());
        let given_up = async {
            reached(phases, Phase::Warm).await;
            tokio::time::sleep(PATIENCE).await;
        };
        tokio::select! {
            sent = self.sender.send_alone(call) => match sent {
                Ok(sent) => {
                    let id = sent.result.map(|result| result.id).unwrap_or_default();
                    tracing::debug!("{} sent. id->{id}", call.task());
                }
                Err(error) => tracing::error!("Message Error: Couldn't apply scheduled task {name}: {error}"),
            },
            () = given_up => tracing::error!(
                "Message Error: Couldn't apply scheduled task {name}: the broker is away, and the worker shuts down"
            ),
        }
    }
}

async fn reached(phases: &mut watch::Receiver<Phase>, wanted: Phase) {
    if phases.wait_for(|phase| *phase >= wanted).await.is_err() {
        // The worker holds the other end.
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use celery_scheduler::ManualClock;

    use super::*;

    fn every_minute(name: &str, call: Signature) -> Periodic {
        Periodic { name: name.to_owned(), schedule: Box::new(Duration::from_secs(60)), call }
    }

    #[test]
    fn an_interval_counts_from_the_start_and_calls_are_marked() {
        let clock = ManualClock::at_unix(1_000.0);
        let mut timetable = timetable(vec![every_minute("a", Signature::new("proj.a"))], &clock).unwrap();
        assert_eq!(timetable.next_due(), Some(clock.now() + Duration::from_secs(60)));
        clock.advance(Duration::from_secs(60));
        let due = timetable.take_due(clock.now()).unwrap();
        assert_eq!(due.entry.item, Signature::new("proj.a").header("celery_beat_task", true));
    }

    #[test]
    fn what_cannot_be_sent_is_said_before_the_worker_starts() {
        let clock = ManualClock::at_unix(0.0);
        let given = |names: [&str; 2]| names.map(|name| every_minute(name, Signature::new("proj.a"))).into();
        assert!(timetable(given(["a", "b"]), &clock).is_ok());
        let twice = timetable(given(["a", "a"]), &clock).unwrap_err();
        assert_eq!(twice.to_string(), "two periodic tasks are named \"a\": each needs a name of its own");
        // Python has no text for such a path.
        let path = Path::new(OsStr::from_bytes(b"\xff"));
        let odd = Signature::new("proj.a").args((path,));
        let refused = timetable(vec![every_minute("odd", odd)], &clock).unwrap_err();
        assert!(refused.to_string().starts_with("periodic task \"odd\": "), "{refused}");
    }
}
