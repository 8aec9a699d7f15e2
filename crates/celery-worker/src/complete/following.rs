//! What follows a task that succeeded, on its way to the broker.
//!
//! Protocol. It is sent first, so that the stored result lists it among its children: the item is put aside until the
//! broker has everything. Then the result is stored, and after it the part of a chord is counted. Whoever counts the last
//! part has the claim to send the body, puts the item aside until the broker has that, and ends the chord; the message of
//! the task is settled last. So a crash in between makes the task run again rather than lose what follows it, if it is
//! acknowledged late. Such a task may find a claim that whoever crashed had: it waits until that is through or runs out.
//! What this worker cannot send as the app would is left to the host, and what the broker refuses fails the task.
//!
//! Round trips per burst, each only if there is something for it: one for the sizes of new chords, one to count parts, one
//! to read those of complete chords, one to end these.

use std::time::Duration;

use celery_executor::{Outcome, Success};
use celery_protocol::result::{ChordProgress, ResultTree};
use celery_results::{ChordMembers, ChordPart, ResultBackend};
use celery_transport::Settlement;
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::FuturesUnordered;

use super::{Burst, Completer, Item};
use crate::away::{Away, until_answered};
use crate::follow::{Claim, Odd, Sending, WHILE_SENDING};
use crate::host::Conclusion;

/// How far what follows a task has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing was done about it.
    #[default]
    New,
    /// It is left to the host.
    Odd,
    /// It is sent. The result is not stored.
    Sent,
    /// The broker refused it, or something that the task published, for this reason: the task failed.
    Refused(String),
    /// The result is stored. The part of the chord, if it is one, is not counted.
    Stored,
    /// The result is stored. Counting the part of the chord is left to the host.
    OddChord,
    /// The result is stored, and the body of the chord is on its way.
    Body(Box<Claim>),
    /// The result is stored, and the broker refused the body of the chord for this reason. Who left it to the host has no
    /// claim.
    BodyRefused(Option<Box<Claim>>, String),
    /// The result is stored, and nothing else is to be sent.
    Done,
}

/// How long to wait before a part is counted again whose chord somebody else completes.
const CLAIM_PAUSE: Duration = Duration::from_secs(1);

/// What of a burst is to be followed.
#[derive(Default)]
pub(super) struct Following {
    begun: Vec<Item>,
    parts: Vec<Part>,
    ended: Vec<Claim>,
}

/// A task that is a part of a chord.
struct Part {
    part: ChordPart,
    claim: Claim,
    item: Item,
}

impl Following {
    /// A task has ended that something may follow.
    pub(super) fn begin(&mut self, item: Item) {
        self.begun.push(item);
    }

    /// The result of a part is being stored.
    pub(super) fn count(&mut self, part: ChordPart, claim: Claim, item: Item) {
        self.parts.push(Part { part, claim, item });
    }

    /// The broker has the body of a chord.
    pub(super) fn end(&mut self, claim: Claim) {
        self.ended.push(claim);
    }
}

/// What the host concludes, and what waits for others.
pub(super) type Concluding = FuturesUnordered<BoxFuture<'static, Item>>;

impl Completer {
    /// Sends the links and the next steps of the tasks that have ended.
    pub(super) async fn send_what_follows(
        &mut self,
        burst: &mut Burst,
        parked: &mut Vec<Item>,
        concluding: &mut Concluding,
    ) {
        let begun = std::mem::take(&mut burst.following.begun);
        let mut ready = Vec::with_capacity(begun.len());
        let mut all = Sending::default();
        for mut item in begun {
            match self.following(&mut item) {
                Ok(mut sending) => {
                    all.sizes.append(&mut sending.sizes);
                    all.groups.append(&mut sending.groups);
                    ready.push((item, sending));
                }
                Err(Odd(reason)) => {
                    tracing::debug!("What follows a task is left to the app: {reason}");
                    self.leave_to_host(item, Stage::Odd, concluding, burst);
                }
            }
        }
        self.begin_chords(&all).await;
        for (item, sending) in ready {
            self.send_and_wait(item, sending, parked, burst);
        }
    }

    fn following(&self, item: &mut Item) -> Result<Sending, Odd> {
        let now = self.clock.now();
        let follower = self.follower.as_ref().ok_or_else(nothing_known)?;
        let Item::Ended { in_flight, outcome: Outcome::Succeeded(success), stage, .. } = item else {
            return Ok(Sending::default());
        };
        let sending = follower.after(in_flight, value(success), now)?;
        let children = sending.children.iter().map(ResultTree::encode).collect::<Vec<_>>().join(", ");
        add_children(success, &format!("[{children}]"));
        *stage = Stage::Sent;
        Ok(sending)
    }

    /// Gives messages to the outbox, and puts the item aside until the broker has them.
    fn send_and_wait(&mut self, item: Item, sending: Sending, parked: &mut Vec<Item>, burst: &mut Burst) {
        match (item.job(), &mut self.follower) {
            (Some(job), Some(follower)) if !sending.publications.is_empty() => {
                let queues = follower.not_declared(sending.queues);
                self.outbox.follow(job, queues, sending.publications);
                parked.push(item);
            }
            _ => self.complete(item, burst),
        }
    }

    /// Tells the result store what it has to know before the parts of chords can end.
    async fn begin_chords(&self, sending: &Sending) {
        let (Some(results), Some(follower)) = (&self.results, &self.follower) else { return };
        let expires = follower.chord_expires();
        let sizes = sending.sizes.iter().map(|(id, size)| {
            persist("tell the size of a chord", move || results.set_chord_size(id, *size, expires))
        });
        let groups = sending.groups.iter().map(|(id, group)| {
            persist("save a group", move || results.save_group(id, group.clone(), expires))
        });
        // The client sends what is asked at the same time together.
        tokio::join!(join_all(sizes), join_all(groups));
    }

    /// Counts the parts of chords whose results are stored now, and sends the bodies of those that are complete.
    pub(super) async fn count_parts(
        &mut self,
        burst: &mut Burst,
        parked: &mut Vec<Item>,
        concluding: &mut Concluding,
    ) {
        let Some(results) = self.results.clone() else { return };
        let parts = std::mem::take(&mut burst.following.parts);
        let progress = count(&*results, &parts).await;
        let mut complete = Vec::new();
        for (part, progress) in parts.into_iter().zip(progress) {
            match progress {
                Some(ChordProgress::Complete { .. }) => complete.push(part),
                Some(ChordProgress::Claimed { .. }) if part.item.may_come_again() => {
                    self.wait_for_claim(part.item, concluding, burst);
                }
                _ => self.complete(part.item.at(Stage::Done), burst),
            }
        }
        let claimed = join_all(complete.iter().map(|Part { part, .. }| claimed(&*results, part))).await;
        let mut all = Sending::default();
        let mut ready = Vec::new();
        for (Part { part, claim, item }, claimed) in complete.into_iter().zip(claimed) {
            let sending = match claimed {
                Ok(Some(members)) => self.body(&members, &item),
                // Somebody else has it by now.
                Ok(None) => {
                    self.complete(item.at(Stage::Done), burst);
                    continue;
                }
                Err(odd) => Err(odd),
            };
            match sending {
                Ok(mut sending) => {
                    all.sizes.append(&mut sending.sizes);
                    all.groups.append(&mut sending.groups);
                    ready.push((item.at(Stage::Body(Box::new(claim))), sending));
                }
                Err(Odd(reason)) => {
                    tracing::debug!("A chord is left to the app: {reason}");
                    let release = || results.release_claim(&part.group_id, &part.token);
                    persist("let go of a chord", release).await;
                    self.leave_to_host(item, Stage::OddChord, concluding, burst);
                }
            }
        }
        self.begin_chords(&all).await;
        for (item, sending) in ready {
            self.send_and_wait(item, sending, parked, burst);
        }
        let ended = std::mem::take(&mut burst.following.ended);
        join_all(ended.iter().map(|claim| end(&*results, claim))).await;
    }

    /// What sending the body of a complete chord comes to.
    fn body(&self, members: &ChordMembers, item: &Item) -> Result<Sending, Odd> {
        let now = self.clock.now();
        match (&self.follower, item) {
            (Some(follower), Item::Ended { in_flight, .. }) => follower.body(in_flight, members, now),
            _ => Err(nothing_known()),
        }
    }

    /// Counts the part again later: somebody has the claim to send the body, and may have died with it. A worker that ends
    /// leaves it to whoever gets the message then.
    fn wait_for_claim(&self, item: Item, concluding: &mut Concluding, burst: &mut Burst) {
        if let (true, Item::Ended { in_flight, .. }) = (self.items.is_closed(), &item) {
            burst.items += 1;
            burst.settle.push(Settlement::Requeue(in_flight.tag.clone()));
            return;
        }
        concluding.push(Box::pin(async move {
            tokio::time::sleep(CLAIM_PAUSE).await;
            item.at(Stage::Stored)
        }));
    }

    fn leave_to_host(&self, item: Item, stage: Stage, concluding: &mut Concluding, burst: &mut Burst) {
        let item = item.at(stage);
        match self.ending(&item) {
            Some((host, ending)) => {
                concluding.push(Box::pin(async move { item.concluded(host.conclude(ending).await) }));
            }
            None => {
                tracing::error!("What follows a task was not sent: there is nobody to leave it to");
                self.complete(item.concluded(Conclusion::NotDone), burst);
            }
        }
    }
}

impl Item {
    /// Whether something may follow a task, and it is for us to send it.
    pub(super) fn is_followed(&self) -> bool {
        let Self::Ended { outcome: Outcome::Succeeded(success), stage: Stage::New, .. } = self else {
            return false;
        };
        success.follow
    }

    /// Whether its message is still there, should this worker die.
    fn may_come_again(&self) -> bool {
        matches!(self, Self::Ended { in_flight, .. } if !in_flight.acked)
    }

    /// The same task, so far.
    fn at(mut self, so_far: Stage) -> Self {
        if let Self::Ended { stage, .. } = &mut self {
            *stage = so_far;
        }
        self
    }
}

/// The value of a task as JSON.
pub(super) fn value(success: &Success) -> &str {
    std::str::from_utf8(&success.result).unwrap_or("null")
}

/// Adds a JSON list to the children that a task has: those that it sent itself come first.
pub(super) fn add_children(success: &mut Success, more: &str) {
    let inner =
        |list: &str| list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).map(str::to_owned);
    let own = success.children.as_deref().and_then(inner);
    let both: Vec<String> = own.into_iter().chain(inner(more)).filter(|list| !list.is_empty()).collect();
    if !both.is_empty() {
        success.children = Some(format!("[{}]", both.join(", ")));
    }
}

fn nothing_known() -> Odd {
    Odd("nothing can be sent from here".to_owned())
}

/// Counts parts, and again what a lost connection swallowed: a part counts once. `None` for what the store refuses.
async fn count(results: &dyn ResultBackend, parts: &[Part]) -> Vec<Option<ChordProgress>> {
    let mut progress: Vec<Option<ChordProgress>> = vec![None; parts.len()];
    let mut left: Vec<usize> = (0..parts.len()).collect();
    let mut away = Away::new("count the parts of chords");
    while !left.is_empty() {
        let batch: Vec<ChordPart> = left.iter().map(|at| parts[*at].part.clone()).collect();
        let mut again = Vec::new();
        let mut lost = None;
        for (at, answer) in left.into_iter().zip(results.count_parts(&batch).await) {
            match answer {
                Ok(counted) => progress[at] = Some(counted),
                Err(error) if error.is_transient() => {
                    again.push(at);
                    lost = Some(error);
                }
                Err(error) => {
                    tracing::error!("Cannot count a part of the chord {}: {error}", parts[at].part.group_id);
                }
            }
        }
        left = again;
        if let Some(error) = lost {
            away.pause(&error).await;
        }
    }
    progress
}

/// Reads what the parts of a chord left, and keeps the claim while its body is sent; `None` when that is not ours to send
/// any more.
async fn claimed(results: &dyn ResultBackend, part: &ChordPart) -> Result<Option<ChordMembers>, Odd> {
    let read = || results.chord_members(&part.group_id);
    let keep = || results.keep_claim(&part.group_id, &part.token, WHILE_SENDING);
    let (members, kept) =
        tokio::join!(persist("read the parts of a chord", read), persist("keep a chord", keep));
    match (members, kept) {
        (Some(members), Some(true)) => Ok(Some(members)),
        (_, Some(false)) => {
            tracing::warn!(
                "Chord callback for '{}' not published: dispatch claim is no longer owned by this worker",
                part.group_id
            );
            Ok(None)
        }
        _ => Err(Odd("the result store refuses".to_owned())),
    }
}

/// Forgets a chord whose body is sent.
async fn end(results: &dyn ResultBackend, claim: &Claim) {
    let end = || results.end_chord(&claim.group_id, &claim.token, claim.remembered);
    if persist("end a chord", end).await == Some(false) {
        tracing::warn!(
            "Chord callback claim for '{}' was lost before cleanup; chord data was left for expiry",
            claim.group_id
        );
    }
}

/// Asks the result store until it answers; `None` when it refuses, which is said.
async fn persist<T, F>(what: &'static str, ask: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = celery_results::Result<T>>,
{
    until_answered(what, ask).await.inspect_err(|error| tracing::error!("Cannot {what}: {error}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_come_after_those_of_the_task() {
        let with = |own: Option<&str>, more| {
            let mut success = Success { children: own.map(str::to_owned), ..Success::default() };
            add_children(&mut success, more);
            success.children
        };
        assert_eq!(with(None, "[]"), None);
        assert_eq!(with(Some("[1]"), "[]").as_deref(), Some("[1]"));
        assert_eq!(with(None, "[2, 3]").as_deref(), Some("[2, 3]"));
        assert_eq!(with(Some("[1]"), "[2, 3]").as_deref(), Some("[1, 2, 3]"));
    }
}
