//! How many messages may be fetched now.
//!
//! Each kind of task has its own credit: slots x `worker_prefetch_multiplier`. What a queue holds next is not known
//! before it is fetched, so one kind may be fetched beyond its credit while the other still has some; `look_ahead`
//! bounds by how much, which keeps a flood of one kind from starving the other. Past it, separate queues are the answer.

use celery_executor::Kind;

/// As many as come.
const UNBOUNDED: usize = usize::MAX / 4;

/// The messages held, by kind, against what may be held.
#[derive(Debug)]
pub(crate) struct Credit {
    allowed: [usize; 2],
    held: [usize; 2],
    look_ahead: usize,
}

impl Credit {
    /// `slots` of async and sync tasks; a multiplier of 0 is no bound.
    pub(crate) fn new(slots: [usize; 2], multiplier: usize, look_ahead: usize) -> Self {
        let allowed = slots.map(|slots| match multiplier {
            0 => UNBOUNDED,
            _ => slots * multiplier,
        });
        Self { allowed, held: [0; 2], look_ahead }
    }

    /// The slots have changed.
    pub(crate) fn resize(&mut self, slots: [usize; 2], multiplier: usize) {
        self.allowed = Self::new(slots, multiplier, self.look_ahead).allowed;
    }

    /// How many messages may be held, without the look-ahead; 0 for no bound.
    pub(crate) fn allowed(&self) -> usize {
        let sum = self.allowed[0] + self.allowed[1];
        if sum >= UNBOUNDED { 0 } else { sum }
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
        let ahead = self.look_ahead.saturating_sub(over(0) + over(1));
        (free(0) + free(1)).min(free(0).min(free(1)) + ahead)
    }

    /// Whether enough credit has come together to be worth a round trip while there is work at hand.
    pub(crate) fn is_worth_a_fetch(&self) -> bool {
        let available = self.available();
        available > 0 && available >= ((self.allowed[0] + self.allowed[1]) / 4).min(64)
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

    #[test]
    fn both_kinds_free() {
        let credit = Credit::new([10, 2], 4, 256);
        assert_eq!(credit.available(), 48);
        let narrow = Credit::new([10, 2], 4, 0);
        assert_eq!(narrow.available(), 8, "without look-ahead, as many as either kind could take");
    }

    #[test]
    fn a_flood_of_one_kind_is_bounded_by_the_look_ahead() {
        let mut credit = Credit::new([1000, 2], 4, 256);
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
}
