//! The keys of a chord.

/// The keys of a chord on Redis (`celery/backends/redis.py: RedisBackend.on_chord_part_return`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChordKeys {
    /// The saved group, when the header holds groups: no suffix.
    pub group: String,
    /// `.j`: the members ([`ChordMember`](super::ChordMember)), a sorted set by their place; a list when
    /// `result_chord_ordered` is off.
    pub members: String,
    /// `.t`: how many parts were added to the header since the chord was sent (`add_to_chord`): a number.
    pub added: String,
    /// `.s`: how many parts the header had when it was sent (`set_chord_size`): a number. Without it nothing
    /// is counted.
    pub size: String,
    /// `.d`: which parts have been counted, from 5.7 on: a set of `<task id>:<score>`.
    pub seen: String,
    /// `.c`: who sends the body, from 5.7 on: a token, or `done` when it has been sent.
    pub claim: String,
}

impl ChordKeys {
    /// The keys beside that of the saved group, [`ResultKeys::group`](crate::result::ResultKeys::group).
    pub fn new(group: &str) -> Self {
        Self {
            group: group.to_owned(),
            members: format!("{group}.j"),
            added: format!("{group}.t"),
            size: format!("{group}.s"),
            seen: format!("{group}.d"),
            claim: format!("{group}.c"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::corpus;

    #[test]
    fn the_keys_of_a_captured_call() {
        let keys = ChordKeys::new("celery-taskset-meta-the-chord");
        let call = &corpus::calls("part_return")[0];
        assert_eq!(*call.keys, [keys.members, keys.added, keys.size, keys.seen, keys.group, keys.claim]);
    }
}
