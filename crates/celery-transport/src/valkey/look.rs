//! Which keys may hold messages.

use std::collections::HashSet;

use fred::types::{Key, client::Invalidation};

/// What is known of the keys to which messages are pushed.
///
/// A fetch that ran dry has left all of them empty and tracked. From then on the server tells of each to which something
/// is pushed, so only those have to be looked at.
#[derive(Debug, Default)]
pub(super) enum Look {
    /// Any of them may hold something.
    #[default]
    Everywhere,
    /// Only these may.
    At(HashSet<Key>),
}

impl Look {
    /// All are empty and tracked.
    pub(super) fn nowhere() -> Self {
        Self::At(HashSet::new())
    }

    /// The server has told.
    pub(super) fn told(&mut self, invalidation: &Invalidation) {
        match self {
            // The whole database was emptied, and with it the server's memory of what is tracked.
            _ if invalidation.keys.is_empty() => *self = Self::Everywhere,
            Self::Everywhere => {}
            Self::At(keys) => keys.extend(invalidation.keys.iter().cloned()),
        }
    }

    /// The numbers of those among `keys`, from 1, with blanks between; empty for all. A fetch that was not told of anything
    /// looks everywhere: it is made for another reason.
    pub(super) fn numbers(&self, keys: &[Key]) -> String {
        let Self::At(some) = self else { return String::new() };
        let numbers = (1..).zip(keys).filter(|(_, key)| some.contains(*key));
        numbers.map(|(number, _)| number.to_string()).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use fred::types::config::Server;

    use super::*;

    fn told(keys: &[&str]) -> Invalidation {
        Invalidation { keys: keys.iter().map(|key| Key::from(*key)).collect(), server: Server::new("h", 1) }
    }

    #[test]
    fn only_where_something_was_pushed() {
        let keys: Vec<Key> = ["a", "b", "c"].map(Key::from).into();
        let mut look = Look::default();
        look.told(&told(&["b"]));
        assert_eq!(look.numbers(&keys), "");
        let mut look = Look::nowhere();
        assert_eq!(look.numbers(&keys), "");
        look.told(&told(&["c"]));
        look.told(&told(&["a", "of another"]));
        assert_eq!(look.numbers(&keys), "1 3");
        look.told(&told(&[]));
        assert_eq!(look.numbers(&keys), "");
    }
}
