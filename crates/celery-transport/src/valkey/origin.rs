//! Where a message that a worker holds came from.

use bytes::Bytes;
use fred::types::Key;

/// A value of the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// This list. The message is in `unacked`.
    List(Key),
    /// The sorted set of a queue. The message is in a hash of its own, which its tag names: the producer's, not that of
    /// the delivery.
    Sorted { queue: String, tag: String },
}

impl Origin {
    /// Reads what `fetch.lua` wrote: the key of a list, or a zero byte, the name of a queue, another
    /// zero byte and a tag.
    pub(super) fn read(value: Bytes) -> Self {
        match value.strip_prefix(b"\0") {
            Some(place) => {
                let place = String::from_utf8_lossy(place);
                let (queue, tag) = place.split_once('\0').unwrap_or((&place, ""));
                Self::Sorted { queue: queue.to_owned(), tag: tag.to_owned() }
            }
            None => Self::List(value.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_tells_them_apart() {
        assert_eq!(Origin::read("app:celery".into()), Origin::List("app:celery".into()));
        let sorted = Origin::Sorted { queue: "celery".to_owned(), tag: "t-1".to_owned() };
        assert_eq!(Origin::read("\0celery\0t-1".into()), sorted);
    }
}
