//! Results as Celery's key-value backends store them.

mod chord;
mod compressed;
#[cfg(test)]
mod corpus;
mod exception;
mod extended;
mod group;
mod keys;
mod meta;
mod payload;
mod state;
mod stored;
mod stored_value;
mod tree;

pub use chord::{
    ChordCleanup, ChordExpiry, ChordKeys, ChordMember, ChordPartReturn, ChordProgress, ClaimExtend,
};
pub use compressed::{compress_result, decompress_result};
pub use exception::{ExceptionInfo, RevokedReason};
pub use extended::Extended;
pub use group::SavedGroup;
pub use keys::ResultKeys;
pub use meta::ResultMeta;
pub use payload::{decode_payload, encode_payload};
pub use state::State;
pub use stored::{StoredExtended, StoredMeta};
pub use tree::ResultTree;
