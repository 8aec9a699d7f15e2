//! The script that counts a part (Celery 5.7).

use std::borrow::Cow;

use super::{ChordExpiry, ChordKeys, ChordProgress};

/// What goes to `CHORD_PART_RETURN_LUA` (`celery/backends/redis.py`): it keeps the part unless it has been
/// counted before, counts, and takes the claim to send the body when this was the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChordPartReturn<'a> {
    /// The keys of the chord.
    pub keys: &'a ChordKeys,
    /// The id of the task.
    pub task_id: &'a str,
    /// The encoded [`ChordMember`](super::ChordMember).
    pub member: &'a [u8],
    /// Whether the members are a sorted set (`result_chord_ordered`).
    pub ordered: bool,
    /// The place in the header, from 0; without one the part comes last.
    pub group_index: Option<i64>,
    /// How long the keys live.
    pub expiry: ChordExpiry,
    /// How long the claim holds, in seconds: [`ChordExpiry::claim`].
    pub claim_expires: u64,
    /// What names whoever asks: in Celery a random UUID without hyphens, and never `done`.
    pub claim_token: &'a str,
}

impl<'a> ChordPartReturn<'a> {
    /// The keys, in the script's order.
    pub fn keys(&self) -> [&'a str; 6] {
        let keys = self.keys;
        [&keys.members, &keys.added, &keys.size, &keys.seen, &keys.group, &keys.claim]
    }

    /// The arguments, in the script's order.
    pub fn args(&self) -> [Cow<'a, [u8]>; 8] {
        let number = |number: u64| Cow::Owned(number.to_string().into_bytes());
        [
            Cow::Borrowed(self.task_id.as_bytes()),
            Cow::Borrowed(self.member),
            number(u64::from(self.ordered)),
            Cow::Owned(self.score().into_bytes()),
            number(self.expiry.parts),
            number(self.expiry.group),
            number(self.claim_expires),
            Cow::Borrowed(self.claim_token.as_bytes()),
        ]
    }

    /// The score of the member, in every version: its place in the header, or `+inf`.
    pub fn score(&self) -> String {
        self.group_index.map_or_else(|| "+inf".to_owned(), |index| index.to_string())
    }

    /// The entry of [`ChordKeys::seen`]: the same task may stand twice in a header.
    pub fn seen(&self) -> String {
        format!("{}:{}", self.task_id, self.score())
    }

    /// What the reply means: how many members there are (-1 when the body was sent before), what `.t` and
    /// `.s` hold (none where a key is absent), and whether the claim was taken.
    pub fn progress([ready, added, size, claimed]: [Option<i64>; 4]) -> ChordProgress {
        let Ok(ready) = u64::try_from(ready.unwrap_or(0)) else {
            return ChordProgress::Done;
        };
        match ChordProgress::from_counts(ready, added, size) {
            ChordProgress::Complete { total } if claimed.unwrap_or(0) == 0 => {
                ChordProgress::Claimed { total }
            }
            progress => progress,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::ChordMember, *};
    use crate::{State, result::corpus};

    #[test]
    fn captured_calls_and_their_replies() {
        let keys = ChordKeys::new("celery-taskset-meta-the-chord");
        let mut progress = Vec::new();
        for (call, index) in corpus::calls("part_return").into_iter().zip([0, 1, 1, 2, 2]) {
            let (task_id, result) = (format!("part-{index}"), index.to_string());
            let member = ChordMember::new(&task_id, State::Success, &result).encode();
            let ours = ChordPartReturn {
                keys: &keys,
                task_id: &task_id,
                member: &member,
                ordered: true,
                group_index: Some(index),
                expiry: ChordExpiry::new(86400, Some(600)),
                claim_expires: 6,
                claim_token: &call.args[7],
            };
            assert_eq!(ours.keys(), *call.keys);
            let args = ours.args().map(|arg| String::from_utf8(arg.into_owned()).unwrap());
            assert_eq!(args, *call.args);
            assert_eq!(ours.seen(), format!("part-{index}:{index}"));
            progress.push(ChordPartReturn::progress(call.reply.try_into().unwrap()));
        }
        let counted = |ready| ChordProgress::Counted { ready, total: 3 };
        let complete = ChordProgress::Complete { total: 3 };
        assert_eq!(progress, [counted(1), counted(2), counted(2), complete, ChordProgress::Done]);
    }

    #[test]
    fn without_an_index_the_part_is_last() {
        let keys = ChordKeys::new("g");
        let part = ChordPartReturn {
            keys: &keys,
            task_id: "i",
            member: b"",
            ordered: false,
            group_index: None,
            expiry: ChordExpiry::default(),
            claim_expires: 5,
            claim_token: "t",
        };
        assert_eq!((part.score(), part.seen()), ("+inf".to_owned(), "i:+inf".to_owned()));
    }

    #[test]
    fn replies_without_a_claim() {
        let claimed = ChordPartReturn::progress([Some(2), None, Some(2), Some(0)]);
        assert_eq!(claimed, ChordProgress::Claimed { total: 2 });
        assert_eq!(ChordPartReturn::progress([Some(2), None, None, Some(0)]), ChordProgress::Unsized);
        assert_eq!(ChordPartReturn::progress([None; 4]), ChordProgress::Unsized);
    }
}
