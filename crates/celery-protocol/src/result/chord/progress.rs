//! How far a chord is.

/// What the bookkeeping says after a part has returned (`celery/backends/redis.py:
/// RedisBackend.on_chord_part_return`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChordProgress {
    /// The body was sent before: this part is a late copy, and nothing was changed (5.7).
    Done,
    /// The chord has no size: not sent yet, failed, finished, or expired. There is nothing to do.
    Unsized,
    /// As many parts have returned as `ready` says, of `total`. There is nothing to do, also when it is more
    /// than `total`.
    Counted {
        /// How many parts have returned.
        ready: u64,
        /// How many there are.
        total: i64,
    },
    /// Every part has returned, and somebody else has the claim to send the body (5.7).
    Claimed {
        /// How many parts there are.
        total: i64,
    },
    /// Every part has returned, and whoever asked must send the body.
    Complete {
        /// How many parts there are.
        total: i64,
    },
}

impl ChordProgress {
    /// From the counts: how many members there are, and what the keys `.t` and `.s` hold.
    ///
    /// Celery before 5.7 has no claim: whoever finds the last part sends the body.
    pub fn from_counts(ready: u64, added: Option<i64>, size: Option<i64>) -> Self {
        let Some(size) = size else {
            return Self::Unsized;
        };
        let total = size.saturating_add(added.unwrap_or(0));
        if i64::try_from(ready) == Ok(total) {
            Self::Complete { total }
        } else {
            Self::Counted { ready, total }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_due_when_the_counts_agree() {
        assert_eq!(ChordProgress::from_counts(2, None, Some(2)), ChordProgress::Complete { total: 2 });
        assert_eq!(
            ChordProgress::from_counts(2, Some(1), Some(2)),
            ChordProgress::Counted { ready: 2, total: 3 }
        );
        assert_eq!(
            ChordProgress::from_counts(4, Some(1), Some(2)),
            ChordProgress::Counted { ready: 4, total: 3 }
        );
        assert_eq!(ChordProgress::from_counts(2, Some(2), None), ChordProgress::Unsized);
    }
}
