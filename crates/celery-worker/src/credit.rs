//! How many messages may be fetched now.
//!
//! Each kind of task has its own credit: slots x `worker_prefetch_multiplier`. What a queue holds next is not known
//! before it is fetched, so one kind may be fetched beyond its credit while the other still has some; `look_ahead`
//! bounds by how much, which keeps a flood of one kind from starving the other. Past it, separate queues are the answer.
//! An app with one kind of tasks only has that one's credit, and nothing is fetched beyond it.

use celery_executor::Kind;

/// With so much credit no more is waited for.
const MOST_WAITED_FOR: usize = 64;

/// As many as come.
const UNBOUNDED: usize = usize::MAX / 4;

/// The messages held, by kind, against what may be held.
#[derive(Debug)]
pub(crate) struct Credit {
    policy: Policy,
    kinds: [bool; 2],
    allowed: [usize; 2],
    held: [usize; 2],
}

/// How much may be held for the slots there are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Policy {
    /// So many times the slots, and a look-ahead. A multiplier of 0 is no bound. What is acknowledged is not held any more.
    Prefetch { multiplier: usize, look_ahead: usize },
    /// One for each slot until its task has ended. So what is fetched has a slot, of whichever kind it is.
    NoPrefetch,
}

impl Credit {
    /// `slots` of async and sync tasks, and whether there are tasks of either kind.
    pub(crate) fn new(slots: [usize; 2], kinds: [bool; 2], policy: Policy) -> Self {
        let multiplier = match policy {
            Policy::Prefetch { multiplier, .. } => multiplier,
            Policy::NoPrefetch => 1,
        };
        // What there are no tasks of bounds nothing.
        let is_bounded = |kind: usize| multiplier > 0 && kinds[kind];
        let allowed = [0, 1].map(|kind| if is_bounded(kind) { slots[kind] * multiplier } else { UNBOUNDED });
        Self { policy, kinds, allowed, held: [0; 2] }
    }

    /// The slots have changed.
    pub(crate) fn resize(&mut self, slots: [usize; 2]) {
        self.allowed = Self::new(slots, self.kinds, self.policy).allowed;
    }

    /// Whether a message is held until its task has ended, even if it was acknowledged before.
    pub(crate) fn is_held_to_the_end(&self) -> bool {
        matches!(self.policy, Policy::NoPrefetch)
    }

    /// How many messages may be held, without the look-ahead; 0 for no bound.
    pub(crate) fn allowed(&self) -> usize {
        self.allowed.iter().filter(|&&allowed| allowed < UNBOUNDED).sum()
    }

    pub(crate) fn take(&mut self, kind: Kind) {
        self.held[index(kind)] += 1;
    }

    pub(crate) fn give_back(&mut self, kind: Kind) {
        self.held[index(kind)] -= 1;
    }

    /// How many messages may be fetched, whatever their kinds turn out to be.
    pub(crate) fn available(&self) -> usize {
        let free = |kind: usize| self.allowed[kind].saturating_sub(self.held[kind]);
        let over = |kind: usize| self.held[kind].saturating_sub(self.allowed[kind]);
        let look_ahead = match self.policy {
            Policy::Prefetch { look_ahead, .. } if self.kinds == [true; 2] => look_ahead,
            Policy::Prefetch { .. } | Policy::NoPrefetch => 0,
        };
        let ahead = look_ahead.saturating_sub(over(0) + over(1));
        (free(0) + free(1)).min(free(0).min(free(1)) + ahead)
    }

    /// Whether enough credit has come together to be worth a round trip while there is work at hand.
    pub(crate) fn is_worth_a_fetch(&self) -> bool {
        let available = self.available();
        let enough = match self.allowed() {
            0 => MOST_WAITED_FOR,
            allowed => (allowed / 4).min(MOST_WAITED_FOR),
        };
        available > 0 && available >= enough
    }
}

fn index(kind: Kind) -> usize {
    match kind {
        Kind::Async => 0,
        Kind::Sync => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefetch(slots: [usize; 2], look_ahead: usize) -> Credit {
        Credit::new(slots, [true; 2], Policy::Prefetch { multiplier: 4, look_ahead })
    }

    #[test]
    fn both_kinds_free() {
        let credit = prefetch([10, 2], 256);
        assert_eq!(credit.available(), 48);
        let narrow = prefetch([10, 2], 0);
        assert_eq!(narrow.available(), 8, "without look-ahead, as many as either kind could take");
    }

    #[test]
    fn a_flood_of_one_kind_is_bounded_by_the_look_ahead() {
        let mut credit = prefetch([1000, 2], 256);
        let mut held = 0;
        while credit.available() > 0 {
            for _ in 0..credit.available() {
                credit.take(Kind::Sync);
                held += 1;
            }
        }
        assert_eq!(held, 8 + 256);
        credit.give_back(Kind::Sync);
        assert_eq!(credit.available(), 1);
    }

    #[test]
    fn with_one_kind_of_tasks_its_prefetch_is_all() {
        let policy = Policy::Prefetch { multiplier: 4, look_ahead: 256 };
        let mut credit = Credit::new([10, 2], [false, true], policy);
        assert_eq!((credit.available(), credit.allowed()), (8, 8));
        for _ in 0..8 {
            credit.take(Kind::Sync);
        }
        assert_eq!(credit.available(), 0);
        credit.give_back(Kind::Sync);
        assert!(!credit.is_worth_a_fetch(), "two are a quarter of eight");
        credit.give_back(Kind::Sync);
        assert!(credit.is_worth_a_fetch());
    }

    #[test]
    fn without_prefetch_what_is_fetched_has_a_slot() {
        let mut both = Credit::new([10, 2], [true; 2], Policy::NoPrefetch);
        assert_eq!((both.available(), both.allowed()), (2, 12));
        both.take(Kind::Sync);
        both.take(Kind::Sync);
        assert_eq!(both.available(), 0, "the next may be one for a thread");
        let mut sync_only = Credit::new([10, 2], [false, true], Policy::NoPrefetch);
        assert_eq!((sync_only.available(), sync_only.allowed()), (2, 2));
        sync_only.take(Kind::Sync);
        assert_eq!(sync_only.available(), 1);
    }
}
