//! How Redis and Valkey keep the parts of a chord (`celery/backends/redis.py`).
//!
//! Celery 5.4 to 5.6 count with plain commands, 5.7 with three scripts. The keys and the members are the
//! same, so that workers of all versions may finish one chord. What is here says what goes to the scripts and
//! what their replies mean; a script itself belongs to whoever talks to the server.

mod claim_extend;
mod cleanup;
mod expiry;
mod keys;
mod member;
mod part_return;
mod progress;

pub use claim_extend::ClaimExtend;
pub use cleanup::ChordCleanup;
pub use expiry::ChordExpiry;
pub use keys::ChordKeys;
pub use member::ChordMember;
pub use part_return::ChordPartReturn;
pub use progress::ChordProgress;
