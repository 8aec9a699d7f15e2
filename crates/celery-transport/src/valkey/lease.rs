//! Leases: a live worker keeps its messages, a dead one loses them in seconds.

use std::{ops::Deref, sync::Arc, time::Duration};

use fred::types::{Key, Value};
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    due,
    give_back::{Place, give_back},
    reply, script,
    session::Session,
    visibility,
};
use crate::{Error, Result};

/// The longest time between two renewals.
const LONGEST_TICK: Duration = Duration::from_secs(5);

/// The lease of a session, renewed by a task until the last owner drops it.
///
/// The consumer and the acknowledger own it together: a worker that has stopped fetching still runs tasks.
pub(super) struct Lease {
    session: Arc<Session>,
    renewal: JoinHandle<()>,
}

impl Lease {
    /// Takes the lease and keeps it.
    pub(super) async fn take(session: Arc<Session>) -> Result<Arc<Self>> {
        renew(&session, &[]).await?;
        let renewal = tokio::spawn(keep(Arc::clone(&session)));
        Ok(Arc::new(Self { session, renewal }))
    }

    /// Takes the lease again after it was lost, and says so.
    pub(super) async fn rejoin(&self) -> Result<()> {
        let renewal = renew(&self.session, &[]).await?;
        say_if_lost(&self.session, &renewal);
        Ok(())
    }

    /// Ends the lease and gives everything back that it held; how many messages that were.
    pub(super) async fn end(&self) -> Result<usize> {
        self.renewal.abort();
        let session = &*self.session;
        session.set_closed();
        // From here on a fetch that is still under way takes nothing.
        let keys = vec![session.keys.workers.clone()];
        session.commands.call(&script::RETIRE, keys, vec![session.worker.as_str().into()]).await?;
        let given = give_back_all(session, &session.lease, None).await?;
        leave(session, &session.worker, &session.lease, false).await?;
        session.held.clear();
        Ok(given)
    }
}

impl Deref for Lease {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

/// What a renewal found.
struct Renewal {
    had_lease: bool,
    /// Workers whose leases have ended.
    ended: Vec<String>,
}

/// Renews the lease and moves the scores of `held` to now.
async fn renew(session: &Session, held: &[Arc<str>]) -> Result<Renewal> {
    let keys = vec![session.keys.workers.clone(), session.keys.unacked_index.clone(), session.lease.clone()];
    let mut args = vec![
        Value::from(session.worker.as_str()),
        Value::from(session.options.lease_timeout.as_secs_f64().to_string()),
        Value::from(session.keys.prefix()),
        Value::from(session.options.sorted_margin()),
    ];
    args.extend(held.iter().map(|tag| Value::from(&**tag)));
    let mut values = reply::elements(session.commands.call(&script::RENEW, keys, args).await?).into_iter();
    let had_lease = values.next().and_then(|value| value.as_i64()) == Some(1);
    Ok(Renewal { had_lease, ended: reply::strings(values) })
}

fn say_if_lost(session: &Session, renewal: &Renewal) {
    if !renewal.had_lease {
        tracing::error!(
            "{}: the lease of this worker was lost (paused or cut off for more than {:?}, or the server lost its data); \
             what it was running may run a second time elsewhere",
            session.commands.url(),
            session.options.lease_timeout,
        );
    }
}

/// Renews, sweeps and restores until it is aborted.
async fn keep(session: Arc<Session>) {
    let options = &session.options;
    // A quarter leaves three more tries; the visibility timeout counts as well because stock workers go by it.
    let visibility_timeout = options.visibility_timeout.min(options.sorted_visibility);
    let tick = (options.lease_timeout.min(visibility_timeout) / 4).min(LONGEST_TICK);
    let mut ticks = interval(tick.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let (mut rescored, mut restored) = (Instant::now(), None::<Instant>);
    loop {
        if restored.is_none_or(|at| at.elapsed() >= options.restore_every) {
            restored = Some(Instant::now());
            match visibility::restore(&session).await {
                Ok(0) => {}
                Ok(count) => tracing::info!("Restored {count} message(s) past the visibility timeout"),
                Err(error) => complain("restore messages past the visibility timeout", &error),
            }
        }
        release(&session, 2 * tick).await;
        ticks.tick().await;
        let due = rescored.elapsed() + tick >= visibility_timeout / 4;
        let held = if due { session.held.oldest_first() } else { Vec::new() };
        match renew(&session, &held).await {
            Ok(renewal) => {
                if due {
                    rescored = Instant::now();
                }
                say_if_lost(&session, &renewal);
                for worker in &renewal.ended {
                    sweep(&session, worker).await;
                }
            }
            Err(error) => complain("renew the lease of this worker", &error),
        }
    }
}

/// A lost connection is the consumer's to tell, once; here it would be told at every renewal.
fn complain(what: &str, error: &Error) {
    if error.is_transient() {
        tracing::debug!("failed to {what}: {error}");
    } else {
        tracing::warn!("failed to {what}: {error}");
    }
}

/// Puts into the queues what is due in sorted sets; `early` covers the time until the next look.
async fn release(session: &Session, early: Duration) {
    match due::release(session, early).await {
        Ok(due) if due.restored > 0 => {
            tracing::warn!("Restored {} message(s) that no worker looks after", due.restored);
        }
        Ok(_) => {}
        Err(error) => complain("look for messages that are due", &error),
    }
}

/// Gives the messages of a dead worker back to their queues.
async fn sweep(session: &Session, worker: &str) {
    let lease = session.keys.lease(worker);
    let swept = async {
        let given = give_back_all(session, &lease, Some(worker)).await?;
        leave(session, worker, &lease, true).await?;
        Ok::<_, Error>(given)
    };
    match swept.await {
        Ok(0) => {}
        Ok(count) => tracing::warn!("Restored {count} message(s) of worker {worker}, which is gone"),
        Err(error) => complain(&format!("restore the messages of worker {worker}, which is gone"), &error),
    }
}

/// Gives everything that `lease` holds back to the front of the queues; the newest first, so that the oldest is served
/// next.
async fn give_back_all(session: &Session, lease: &Key, ended: Option<&str>) -> Result<usize> {
    let leased = session.leased(&session.commands, lease).await?;
    let tags: Vec<_> = leased.iter().rev().map(|(tag, _)| (tag.as_str(), Place::Front)).collect();
    give_back(session, &session.commands, lease, ended, &tags).await
}

async fn leave(session: &Session, worker: &str, lease: &Key, must_have_ended: bool) -> Result<()> {
    let keys = vec![session.keys.workers.clone(), lease.clone()];
    let args = vec![Value::from(worker), Value::from(if must_have_ended { "1" } else { "0" })];
    session.commands.call(&script::LEAVE, keys, args).await?;
    Ok(())
}
