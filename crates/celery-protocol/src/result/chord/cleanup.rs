//! The script that ends a chord (Celery 5.7).

use super::ChordKeys;

/// What goes to `CHORD_CLEANUP_LUA` (`celery/backends/redis.py`), after the body was sent: while the claim is
/// that of the token, it deletes the chord and remembers that it is done.
///
/// Before 5.7 the members and both counts are deleted, without a question. When a chord fails, 5.7 deletes
/// its size only, so that nothing is counted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChordCleanup<'a> {
    /// The keys of the chord.
    pub keys: &'a ChordKeys,
    /// The token of the claim.
    pub claim_token: &'a str,
    /// How long it is remembered, in seconds: [`ChordExpiry::done`](super::ChordExpiry::done).
    pub done_expires: u64,
}

impl<'a> ChordCleanup<'a> {
    /// The keys, in the script's order.
    pub fn keys(&self) -> [&'a str; 5] {
        let keys = self.keys;
        [&keys.claim, &keys.members, &keys.added, &keys.size, &keys.seen]
    }

    /// The arguments, in the script's order.
    pub fn args(&self) -> [String; 2] {
        [self.claim_token.to_owned(), self.done_expires.to_string()]
    }

    /// Whether the chord was deleted. If not, the claim was lost, and the chord is left to expire.
    pub fn cleaned(reply: i64) -> bool {
        reply != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::corpus;

    #[test]
    fn a_captured_call() {
        let call = &corpus::calls("cleanup")[0];
        let keys = ChordKeys::new("celery-taskset-meta-the-chord");
        let done_expires = call.args[1].parse().unwrap();
        let ours = ChordCleanup { keys: &keys, claim_token: &call.args[0], done_expires };
        assert_eq!(ours.keys(), *call.keys);
        assert_eq!(ours.args(), *call.args);
        assert!(ChordCleanup::cleaned(call.reply[0].unwrap()));
        assert!(!ChordCleanup::cleaned(0));
    }
}
