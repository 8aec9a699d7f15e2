//! Leases: a live worker keeps its messages, a dead one loses them in seconds.

use std::{ops::Deref, sync::Arc, time::Duration};

use fred::types::{Key, Value};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    due,
    give_back::{Place, give_back},
    parking, reply, script,
    session::Session,
    visibility,
};
use crate::{Error, Result};

/// The longest time between two renewals.
const LONGEST_TICK: Duration = Duration::from_secs(5);
/// The longest time between two updates of the scores that stock workers go by.
const LONGEST_RESCORE: Duration = Duration::from_secs(60);
/// How long after the end of a lease it is looked.
const A_MOMENT: Duration = Duration::from_millis(20);
/// How long at least a renewal may take before the connection is suspect, however short the lease.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

/// The lease of a session, renewed by a task until the last owner drops it.
///
/// The consumer and the acknowledger own it together: a worker that has stopped fetching still runs tasks.
pub(super) struct Lease {
    session: Arc<Session>,
    tasks: [JoinHandle<()>; 3],
}

impl Lease {
    /// Takes the lease and keeps it.
    pub(super) async fn take(session: Arc<Session>) -> Result<Arc<Self>> {
        let renewal = renew(&session, &[]).await?;
        let (dead, told) = watch::channel(Vec::new());
        if !renewal.dead.is_empty() {
            dead.send_replace(renewal.dead);
        }
        let tasks = [
            tokio::spawn(renewing(Arc::clone(&session), renewal.others, dead)),
            tokio::spawn(housekeeping(Arc::clone(&session), told)),
            tokio::spawn(parking::unparking(Arc::clone(&session))),
        ];
        Ok(Arc::new(Self { session, tasks }))
    }

    /// Takes the lease again after it was lost, and says so.
    pub(super) async fn rejoin(&self) -> Result<()> {
        let renewal = renew(&self.session, &[]).await?;
        say_if_lost(&self.session, &renewal);
        Ok(())
    }

    /// Ends the lease and gives everything back that it held; how many messages that were.
    pub(super) async fn end(&self) -> Result<usize> {
        self.tasks.iter().for_each(JoinHandle::abort);
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
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// What a renewal found.
struct Renewal {
    had_lease: bool,
    /// For how long the lease of another lasts, the one that ends first.
    others: Option<Duration>,
    /// Workers whose messages are to go back.
    dead: Vec<String>,
}

/// Renews the lease, moves the scores of `held` to now, and counts the others with the same queues.
async fn renew(session: &Session, held: &[Arc<str>]) -> Result<Renewal> {
    let keys = &session.keys;
    let keys =
        vec![keys.workers.clone(), keys.unacked_index.clone(), session.lease.clone(), keys.steady.clone()];
    let seconds = |duration: Duration| Value::from(duration.as_secs_f64().to_string());
    let mut args = vec![
        Value::from(session.worker.as_str()),
        seconds(session.options.lease_timeout),
        Value::from(session.keys.prefix()),
        Value::from(session.options.sorted_margin()),
        seconds(patience(session)),
    ];
    args.extend(held.iter().map(|tag| Value::from(&**tag)));
    let mut values = reply::elements(session.commands.call(&script::RENEW, keys, args).await?).into_iter();
    let had_lease = values.next().and_then(|value| value.as_i64()) == Some(1);
    let peers = values.next().and_then(|value| value.as_u64()).unwrap_or_default();
    session.set_peers(u32::try_from(peers).unwrap_or(u32::MAX));
    let others = values.next().and_then(|value| value.as_u64()).map(Duration::from_millis);
    Ok(Renewal { had_lease, others, dead: reply::strings(values) })
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

/// How often the lease is renewed. A quarter leaves three more tries; the visibility timeout counts as well because
/// stock workers go by it.
pub(super) fn tick(session: &Session) -> Duration {
    let options = &session.options;
    let visibility_timeout = options.visibility_timeout.min(options.sorted_visibility);
    (options.lease_timeout.min(visibility_timeout) / 4).min(LONGEST_TICK).max(Duration::from_millis(1))
}

/// How long live workers need to come back after an outage: two ticks and a little. `renew.lua` says what for.
fn patience(session: &Session) -> Duration {
    2 * tick(session) + (session.options.lease_timeout / 10).min(Duration::from_secs(2))
}

/// Renews until it is aborted, and tells which workers are dead. Nothing else is done here: whatever takes long must
/// not cost a live worker its lease.
///
/// A renewal that has no answer at the next one's time makes the connection suspect: on a half-open one the lease would
/// end before a command's own timeout has led to a new connection. And a new connection is a reason to renew at once; so is
/// the end of another's lease, which is seldom sooner than the next tick: then its worker is dead.
async fn renewing(session: Arc<Session>, mut others: Option<Duration>, dead: watch::Sender<Vec<String>>) {
    let options = &session.options;
    let tick = tick(&session);
    // Others on the same server may go by a shorter visibility timeout than ours.
    let rescore = (options.visibility_timeout.min(options.sorted_visibility) / 4).min(LONGEST_RESCORE);
    let mut reconnects = session.commands.reconnects();
    let mut rescored = Instant::now();
    loop {
        let pause = others.take().map_or(tick, |others| (others + A_MOMENT).clamp(tick / 4, tick));
        tokio::select! {
            () = sleep(pause) => {}
            // Many at once are as good as one; when the connection has ended, so has this.
            Ok(()) | Err(RecvError::Lagged(_)) = reconnects.recv() => {}
        }
        let due = rescored.elapsed() + tick >= rescore;
        let held = if due { session.held.oldest_first() } else { Vec::new() };
        match timeout(tick.max(LEAST_PATIENCE), renew(&session, &held)).await {
            Ok(Ok(renewal)) => {
                if due {
                    rescored = Instant::now();
                }
                say_if_lost(&session, &renewal);
                others = renewal.others;
                if !renewal.dead.is_empty() {
                    dead.send_replace(renewal.dead);
                }
            }
            Ok(Err(error)) => complain("renew the lease of this worker", &error),
            Err(_) => session.commands.suspect(),
        }
    }
}

/// Sweeps and restores until it is aborted.
async fn housekeeping(session: Arc<Session>, mut dead: watch::Receiver<Vec<String>>) {
    let options = &session.options;
    let tick = tick(&session);
    let mut ticks = interval(tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut restored = None::<Instant>;
    loop {
        if restored.is_none_or(|at| at.elapsed() >= options.restore_every) {
            restored = Some(Instant::now());
            // What was parked and is overdue is not lost: it goes back unmarked, to the list that it came from.
            let restoring = async {
                parking::unpark(&session).await?;
                visibility::restore(&session).await
            };
            match restoring.await {
                Ok(0) => {}
                Ok(count) => tracing::info!("Restored {count} message(s) past the visibility timeout"),
                Err(error) => complain("restore messages past the visibility timeout", &error),
            }
        }
        release(&session, 2 * tick).await;
        tokio::select! {
            changed = dead.changed() => {
                if changed.is_err() {
                    return;
                }
                let workers = dead.borrow_and_update().clone();
                for worker in &workers {
                    sweep(&session, worker).await;
                }
            }
            _ = ticks.tick() => {}
        }
    }
}

/// A lost connection is the consumer's to tell, once; here it would be told at every renewal.
pub(super) fn complain(what: &str, error: &Error) {
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
    let keys = vec![session.keys.workers.clone(), lease.clone(), session.keys.steady.clone()];
    let args = vec![Value::from(worker), Value::from(if must_have_ended { "1" } else { "0" })];
    session.commands.call(&script::LEAVE, keys, args).await?;
    Ok(())
}
