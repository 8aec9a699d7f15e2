//! There are no chords.

use async_trait::async_trait;
use celery_protocol::result::ChordProgress;

use super::driver::Rpc;
use crate::{ChordMembers, ChordPart, ChordStore, Error, Result};

/// Source: `celery/backends/rpc.py: E_NO_CHORD_SUPPORT`.
pub(super) fn no_chords() -> Error {
    Error::Refused {
        url: "rpc://".to_owned(),
        reason: "there are no chords, nor groups with a task after them, with this result backend: nobody keeps the \
                 results of their parts; use Redis"
            .to_owned(),
    }
}

/// A part of a chord is nobody's business (`celery/backends/base.py: Backend.on_chord_part_return`): whoever sends one
/// is refused it.
#[async_trait]
impl ChordStore for Rpc {
    async fn count_parts(&self, parts: &[ChordPart]) -> Vec<Result<ChordProgress>> {
        parts.iter().map(|_| Ok(ChordProgress::Unsized)).collect()
    }

    async fn chord_members(&self, _: &str) -> Result<ChordMembers> {
        Err(no_chords())
    }

    async fn keep_claim(&self, _: &str, _: &str, _: u64) -> Result<bool> {
        Ok(false)
    }

    async fn end_chord(&self, _: &str, _: &str, _: u64) -> Result<bool> {
        Ok(false)
    }

    async fn break_chord(&self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn release_claim(&self, _: &str, _: &str) -> Result<()> {
        Ok(())
    }
}
