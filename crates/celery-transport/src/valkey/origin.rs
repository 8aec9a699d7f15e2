//! Where a message that a worker holds came from.

use bytes::Bytes;
use fred::types::Key;

/// A value of the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// This list. The message is in `unacked`.
    List(Key),
    /// The sorted set of this queue. The message is in a hash of its own.
    Sorted(String),
}

impl Origin {
    /// Reads what `fetch.lua` wrote: the key of a list, or a zero byte and the name of a queue.
    pub(super) fn read(value: Bytes) -> Self {
        match value.strip_prefix(b"\0") {
            Some(queue) => Self::Sorted(String::from_utf8_lossy(queue).into_owned()),
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
        assert_eq!(Origin::read("\0celery".into()), Origin::Sorted("celery".to_owned()));
    }
}
