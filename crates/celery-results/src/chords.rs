//! The trait for whoever completes chords.

use async_trait::async_trait;
use bytes::Bytes;
use celery_protocol::result::{ChordExpiry, ChordProgress};

use crate::Result;

/// Counts the parts of chords, and settles who sends the body: workers of both kinds can share a chord
/// (`celery/backends/redis.py: RedisBackend.on_chord_part_return` of Celery 5.7).
#[async_trait]
pub trait ChordStore: Send + Sync + std::fmt::Debug {
    /// Counts parts that have ended; all in one round trip. What becomes of each.
    ///
    /// A part is counted once, however often it is given. [`ChordProgress::Complete`] gives the claim to send the body to
    /// whoever gave the part, also when it is given again with the same token.
    async fn count_parts(&self, parts: &[ChordPart]) -> Vec<Result<ChordProgress>>;

    /// Makes a chord one part larger, before that part is sent (`RedisBackend.add_to_chord`).
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`](crate::Error::Unsupported) where nobody can.
    async fn add_to_chord(&self, group_id: &str) -> Result<()> {
        let _ = group_id;
        Err(crate::Error::Unsupported("add to a chord"))
    }

    /// What the parts of a complete chord have left.
    async fn chord_members(&self, group_id: &str) -> Result<ChordMembers>;

    /// Keeps the claim for so many seconds from now. If it is lost, the body must not be sent.
    async fn keep_claim(&self, group_id: &str, token: &str, seconds: u64) -> Result<bool>;

    /// Forgets a chord whose body was sent, and remembers for so many seconds that it was. Returns whether the claim was
    /// held until now.
    async fn end_chord(&self, group_id: &str, token: &str, seconds: u64) -> Result<bool>;

    /// Forgets how many parts a chord had that has failed: a part that comes again does not fail it again. What the parts
    /// left stays there, to be looked at until it expires.
    async fn break_chord(&self, group_id: &str) -> Result<()>;

    /// Lets somebody else complete the chord.
    async fn release_claim(&self, group_id: &str, token: &str) -> Result<()>;
}

/// A part of a chord that has ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ChordPart {
    /// The id of the header.
    pub group_id: String,
    /// The id of the task.
    pub task_id: String,
    /// Its encoded member: `celery_protocol::result::ChordMember`.
    pub member: Bytes,
    /// Its place in the header; `None` for one that was added later.
    pub group_index: Option<i64>,
    /// How long things are kept.
    pub expiry: ChordExpiry,
    /// How long the claim holds at first, in seconds.
    pub claim_seconds: u64,
    /// Names the claim; no other has it.
    pub token: String,
}

impl ChordPart {
    /// The part `task_id` of the chord `group_id`.
    pub fn new(
        group_id: impl Into<String>,
        task_id: impl Into<String>,
        member: Bytes,
        group_index: Option<i64>,
        token: impl Into<String>,
    ) -> Self {
        Self {
            group_id: group_id.into(),
            task_id: task_id.into(),
            member,
            group_index,
            expiry: ChordExpiry::default(),
            claim_seconds: ChordExpiry::claim(None),
            token: token.into(),
        }
    }

    /// Says how long things are kept, and the claim holds.
    #[must_use]
    pub fn kept(mut self, expiry: ChordExpiry, claim_seconds: u64) -> Self {
        self.expiry = expiry;
        self.claim_seconds = claim_seconds;
        self
    }
}

/// What the parts of a chord have left.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ChordMembers {
    /// The encoded members, in the order of the header.
    pub members: Vec<Bytes>,
    /// The encoded group, if it was saved: its header has groups in it, and the body wants the results in their shape.
    pub saved: Option<Bytes>,
}
