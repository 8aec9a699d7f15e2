//! The order of messages: among lists, among sorted sets, and between them.
//!
//! Lists have steps and sorted sets numbers, so they are compared where both mean the same. With
//! [`PriorityOrder::High`] a list holds the numbers from its step up to the next one, and shares its turn with those
//! numbers of the sorted sets. With [`PriorityOrder::Celery`], where 0 is the first step but the last number, only "no
//! priority" is the same: what a sorted set holds above 0 comes before all lists, and its 0 shares the turn of the first
//! list. Who shares a turn gets half of a fetch each.

use fred::types::Value;

use crate::PriorityOrder;

/// The highest number.
const MOST: u16 = 255;
/// How far apart the scores of two priorities are.
///
/// Source: `celery_redis_plus/constants.py: PRIORITY_SCORE_MULTIPLIER`.
const LEVEL: i64 = 10_000_000_000_000;

/// Where a message was, as far as its order goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the list of this step, counted from the one that is served first.
    Step(usize),
    /// In a sorted set, so far from priority 255.
    Level(u8),
}

/// The place among all messages that a worker holds: the lower is served first.
///
/// `priority` is the message's own number.
pub(super) fn rank(order: PriorityOrder, place: Place, priority: Option<u8>) -> u16 {
    match (place, order) {
        (Place::Level(level), _) => level.into(),
        (Place::Step(step), PriorityOrder::Celery) => MOST + u16::try_from(step).unwrap_or(MOST),
        (Place::Step(_), PriorityOrder::High) => MOST - u16::from(priority.unwrap_or(0)),
    }
}

/// The score below which sorted sets go before all lists, then for each of `steps` (first served first) the score below
/// which they share its turn: what `fetch.lua` wants.
pub(super) fn bounds(order: PriorityOrder, steps: &[u8]) -> Vec<Value> {
    let below = |priority: u8| Value::from(((i64::from(MOST) + 1 - i64::from(priority)) * LEVEL).to_string());
    let everything = || Value::from("inf");
    match order {
        PriorityOrder::Celery => {
            let above_0 = std::iter::once(below(1));
            above_0.chain(steps.iter().map(|_| everything())).collect()
        }
        PriorityOrder::High => {
            let last = steps.len().saturating_sub(1);
            let shared = steps.iter().enumerate();
            let shared = shared.map(|(index, step)| if index == last { everything() } else { below(*step) });
            std::iter::once(Value::from("0")).chain(shared).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_of_both_kinds_compare() {
        use PriorityOrder::{Celery, High};
        let ranks = |order, places: &[(Place, u8)]| -> Vec<u16> {
            places.iter().map(|(place, priority)| rank(order, *place, Some(*priority))).collect()
        };
        let places =
            [(Place::Level(0), 255), (Place::Level(255), 0), (Place::Step(0), 9), (Place::Step(3), 9)];
        assert_eq!(ranks(Celery, &places), [0, 255, 255, 258]);
        assert_eq!(ranks(High, &places), [0, 255, 246, 246]);
        assert_eq!(rank(High, Place::Step(3), None), 255);
    }

    #[test]
    fn a_list_shares_with_the_numbers_from_its_step_on() {
        let text = |values: Vec<Value>| values.into_iter().filter_map(Value::into_string).collect::<Vec<_>>();
        assert_eq!(
            text(bounds(PriorityOrder::High, &[9, 6, 0])),
            ["0", "2470000000000000", "2500000000000000", "inf"]
        );
        assert_eq!(text(bounds(PriorityOrder::Celery, &[0, 9])), ["2550000000000000", "inf", "inf"]);
    }
}
