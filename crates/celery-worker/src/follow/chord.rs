//! The part of a chord that a task is, and the body of a chord that is complete
//! (`celery/backends/redis.py: RedisBackend.on_chord_part_return`).

use std::time::SystemTime;

use celery_protocol::canvas::{Options, Signature};
use celery_protocol::result::{ChordExpiry, ChordMember};
use celery_protocol::{State, Value};
use celery_results::{ChordMembers, ChordPart};
use uuid::Uuid;

use super::{Follower, Odd, Sending, signatures};
use crate::in_flight::InFlight;

/// The right to send the body of a chord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) group_id: String,
    pub(crate) token: String,
    /// For how many seconds it is remembered that the body was sent.
    pub(crate) remembered: u64,
}

/// How long the claim holds while the body is on its way to the broker, in seconds.
pub(crate) const WHILE_SENDING: u64 = 120;

impl Follower {
    /// The part of a chord that a task is which gave `value`, JSON.
    pub(crate) fn part(&self, in_flight: &InFlight, value: &str) -> Option<(ChordPart, Claim)> {
        let headers = &in_flight.headers;
        let body = in_flight.body()?;
        body.embed.chord.filter(|chord| !matches!(*chord, "null" | "{}"))?;
        let group_id = headers.group.as_deref().filter(|group| !group.is_empty())?;
        let member = ChordMember::new(&headers.id, State::Success, value).encode();
        let token = Uuid::new_v4().simple().to_string();
        let part = ChordPart::new(group_id, &*headers.id, member.into(), headers.group_index, &*token)
            .kept(self.known.chord_expiry, self.known.chord_claim);
        let remembered = ChordExpiry::done(self.known.chord_claim);
        Some((part, Claim { group_id: group_id.to_owned(), token, remembered }))
    }

    /// The body of a chord that `in_flight` completed. What has a failed part, or groups in its header, is the host's.
    pub(crate) fn body(
        &self,
        in_flight: &InFlight,
        members: &ChordMembers,
        now: SystemTime,
    ) -> Result<Sending, Odd> {
        if members.saved.is_some() {
            return Err(Odd("its header has groups in it".to_owned()));
        }
        let mut results = Vec::with_capacity(members.members.len());
        for payload in &members.members {
            let member = ChordMember::decode(payload)?;
            if member.state != State::Success {
                return Err(Odd(format!("the part {} is {}", member.task_id, member.state.as_str())));
            }
            results.push(signatures::plain(&self.known, &member.result)?);
        }
        let body = in_flight.body().ok_or_else(|| Odd("the body is not plain JSON".to_owned()))?;
        let chord =
            Signature::from_value(signatures::plain(&self.known, body.embed.chord.unwrap_or_default())?)?;
        let mut sending = Sending::default();
        let args = [Value::List(results)];
        self.apply(&chord, &args, Options::default(), Some(in_flight.into()), now, &mut sending)?;
        Ok(sending)
    }
}
