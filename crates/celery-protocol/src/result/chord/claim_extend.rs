//! The script that keeps a claim (Celery 5.7).

use super::ChordKeys;

/// What goes to `CHORD_CLAIM_EXTEND_LUA` (`celery/backends/redis.py`), before the body is sent: it extends
/// the claim of the token, or takes it again when it ran out and the chord still has its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimExtend<'a> {
    /// The keys of the chord.
    pub keys: &'a ChordKeys,
    /// The token of the claim.
    pub claim_token: &'a str,
    /// How long the claim holds from now, in seconds: long enough to publish with every retry
    /// (`RedisBackend._chord_publish_claim_expires`).
    pub expires: u64,
}

impl<'a> ClaimExtend<'a> {
    /// The keys, in the script's order.
    pub fn keys(&self) -> [&'a str; 2] {
        [&self.keys.claim, &self.keys.size]
    }

    /// The arguments, in the script's order.
    pub fn args(&self) -> [String; 2] {
        [self.claim_token.to_owned(), self.expires.to_string()]
    }

    /// Whether the claim holds. If not, the body must not be sent.
    pub fn holds(reply: i64) -> bool {
        reply != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::corpus;

    #[test]
    fn a_captured_call() {
        let call = &corpus::calls("claim_extend")[0];
        let keys = ChordKeys::new("celery-taskset-meta-the-chord");
        let expires = call.args[1].parse().unwrap();
        let ours = ClaimExtend { keys: &keys, claim_token: &call.args[0], expires };
        assert_eq!(ours.keys(), *call.keys);
        assert_eq!(ours.args(), *call.args);
        assert!(ClaimExtend::holds(call.reply[0].unwrap()));
        assert!(!ClaimExtend::holds(0));
    }
}
