//! The side of those who complete chords. It does what the scripts of the Valkey driver do.
//!
//! Source: `celery/backends/redis.py: CHORD_PART_RETURN_LUA`, `CHORD_CLAIM_EXTEND_LUA`, `CHORD_CLEANUP_LUA` of Celery 5.7.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use celery_protocol::result::{ChordPartReturn, ChordProgress};
use tokio::time::Instant;

use super::{
    driver::{Memory, State},
    kept::until,
};
use crate::{ChordMembers, ChordPart, ChordStore, Result};

/// A chord whose header runs.
#[derive(Debug, Default)]
pub(super) struct Chord {
    size: Option<u64>,
    /// How many parts came to those.
    added: u64,
    /// In the order of the header.
    members: BTreeSet<(i64, Bytes)>,
    /// By place as well: two entries of a header may share the id of one frozen signature.
    seen: HashSet<(String, Option<i64>)>,
    claim: Option<Claim>,
    done: bool,
}

/// The right to send the body.
#[derive(Debug)]
struct Claim {
    token: String,
    until: Option<Instant>,
}

impl Chord {
    /// Who has the claim now.
    fn holder(&self) -> Option<&str> {
        let claim = self.claim.as_ref()?;
        let runs = claim.until.is_none_or(|until| until > Instant::now());
        runs.then_some(claim.token.as_str())
    }

    /// Whether the claim is that of `token` after this, for so long.
    fn take_claim(&mut self, token: &str, seconds: u64) -> bool {
        let free = self.holder().is_none_or(|holder| holder == token);
        if free {
            let until = until(Some(Duration::from_secs(seconds)));
            self.claim = Some(Claim { token: token.to_owned(), until });
        }
        free
    }
}

/// 0 stands for ever.
fn lasting(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

impl State {
    pub(super) fn set_chord_size(&mut self, group_id: &str, size: u64, expires: Option<Duration>) {
        match self.chords.get_mut(group_id) {
            Some(chord) => {
                (chord.size, chord.claim, chord.done) = (Some(size), None, false);
                self.chords.keep(group_id, expires);
            }
            None => self.chords.set(group_id, Chord { size: Some(size), ..Chord::default() }, expires),
        }
    }

    fn count(&mut self, part: &ChordPart) -> ChordProgress {
        let id = part.group_id.as_str();
        if self.chords.get(id).is_none() {
            self.chords.set(id, Chord::default(), lasting(part.expiry.parts));
        }
        let Some(chord) = self.chords.get_mut(id).filter(|chord| !chord.done) else {
            return ChordProgress::Done;
        };
        if chord.seen.insert((part.task_id.clone(), part.group_index)) {
            chord.members.insert((part.group_index.unwrap_or(i64::MAX), part.member.clone()));
        }
        let count = chord.members.len() as u64;
        let claimed = chord.size.is_some_and(|size| size + chord.added == count) && {
            // Who asks again, because an answer was lost, has it still; the time is that of the first.
            chord.holder() == Some(&*part.token) || chord.take_claim(&part.token, part.claim_seconds)
        };
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let numbers =
            [Some(number(count)), Some(number(chord.added)), chord.size.map(number), Some(claimed.into())];
        if part.expiry.parts > 0 {
            self.chords.keep(id, lasting(part.expiry.parts));
            if part.expiry.group > 0 {
                self.groups.keep(id, lasting(part.expiry.group));
            }
        }
        ChordPartReturn::progress(numbers)
    }
}

#[async_trait]
impl ChordStore for Memory {
    async fn count_parts(&self, parts: &[ChordPart]) -> Vec<Result<ChordProgress>> {
        let mut state = self.backend.state();
        parts.iter().map(|part| Ok(state.count(part))).collect()
    }

    async fn add_to_chord(&self, group_id: &str) -> Result<()> {
        let mut state = self.backend.state();
        if state.chords.get(group_id).is_none() {
            state.chords.set(group_id, Chord::default(), None);
        }
        if let Some(chord) = state.chords.get_mut(group_id) {
            chord.added += 1;
        }
        Ok(())
    }

    async fn break_chord(&self, group_id: &str) -> Result<()> {
        if let Some(chord) = self.backend.state().chords.get_mut(group_id) {
            chord.size = None;
        }
        Ok(())
    }

    async fn chord_members(&self, group_id: &str) -> Result<ChordMembers> {
        let state = self.backend.state();
        let members = state.chords.get(group_id).map(|chord| &chord.members);
        let members = members.into_iter().flatten().map(|(_, member)| member.clone()).collect();
        Ok(ChordMembers { members, saved: state.groups.get(group_id).cloned() })
    }

    async fn keep_claim(&self, group_id: &str, token: &str, seconds: u64) -> Result<bool> {
        let mut state = self.backend.state();
        let chord = state.chords.get_mut(group_id).filter(|chord| chord.size.is_some());
        Ok(chord.is_some_and(|chord| chord.take_claim(token, seconds)))
    }

    async fn end_chord(&self, group_id: &str, token: &str, seconds: u64) -> Result<bool> {
        let mut state = self.backend.state();
        let held = state.chords.get(group_id).is_some_and(|chord| chord.holder() == Some(token));
        if held {
            let done = Chord { done: true, ..Chord::default() };
            state.chords.set(group_id, done, lasting(seconds.max(1)));
        }
        Ok(held)
    }

    async fn release_claim(&self, group_id: &str, token: &str) -> Result<()> {
        let mut state = self.backend.state();
        if let Some(chord) = state.chords.get_mut(group_id).filter(|chord| chord.holder() == Some(token)) {
            chord.claim = None;
        }
        Ok(())
    }
}
