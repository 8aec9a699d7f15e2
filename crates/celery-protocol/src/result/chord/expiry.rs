//! How long the bookkeeping of a chord is kept.

/// How long a chord's keys live, in seconds; 0 is for ever
/// (`celery/backends/base.py: BaseKeyValueStoreBackend.chord_expires`, `_chord_result_expires`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChordExpiry {
    /// Of the members, the counts and the set of those seen.
    pub parts: u64,
    /// Of a saved group, which users read too: never less than `result_expires`.
    pub group: u64,
}

impl ChordExpiry {
    /// From the settings `result_expires` (0 is for ever) and `result_chord_expires` (5.7; none is the
    /// former).
    pub fn new(result_expires: u64, result_chord_expires: Option<u64>) -> Self {
        let parts = result_chord_expires.unwrap_or(result_expires);
        let group = if parts == 0 || result_expires == 0 { 0 } else { parts.max(result_expires) };
        Self { parts, group }
    }

    /// How long a claim to send the body holds, in seconds: twice `result_chord_join_timeout` (seconds; none
    /// or 0 is 5), at least 5 (`RedisBackend.on_chord_part_return`).
    pub fn claim(join_timeout: Option<f64>) -> u64 {
        let timeout = join_timeout.filter(|seconds| *seconds != 0.0).unwrap_or(5.0);
        // A cast of a float stops at the ends of the range.
        ((timeout * 2.0) as u64).max(5)
    }

    /// How long it is remembered that the body was sent, in seconds: twice the claim, at least 300.
    pub fn done(claim: u64) -> u64 {
        claim.saturating_mul(2).max(300)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::corpus::calls;

    #[test]
    fn the_expiry_of_captured_calls() {
        let expiry = ChordExpiry::new(86400, Some(600));
        let claim = ChordExpiry::claim(Some(3.0));
        let [parts, group, claimed] = [expiry.parts, expiry.group, claim].map(|seconds| seconds.to_string());
        assert_eq!(calls("part_return")[0].args[4..7], [parts, group, claimed]);
        assert_eq!(calls("cleanup")[0].args[1], ChordExpiry::done(claim).to_string());
    }

    #[test]
    fn for_ever_and_the_defaults() {
        assert_eq!(ChordExpiry::new(0, None), ChordExpiry { parts: 0, group: 0 });
        assert_eq!(ChordExpiry::new(0, Some(9)), ChordExpiry { parts: 9, group: 0 });
        assert_eq!(ChordExpiry::new(60, Some(90)), ChordExpiry { parts: 90, group: 90 });
        assert_eq!((ChordExpiry::claim(None), ChordExpiry::claim(Some(0.0))), (10, 10));
        assert_eq!((ChordExpiry::claim(Some(1.2)), ChordExpiry::claim(Some(-1.0))), (5, 5));
        assert_eq!((ChordExpiry::done(10), ChordExpiry::done(1000)), (300, 2000));
    }
}
