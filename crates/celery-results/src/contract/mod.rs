//! The tests that every driver which keeps results has to pass: what the traits promise, whatever the store.
//!
//! A test takes a [`ResultBackend`](crate::ResultBackend) of its own. In a driver's tests,
//! [`contract_tests!`](crate::contract_tests) writes a `#[tokio::test]` for each.

mod chords;
mod macros;
mod storing;
mod support;
mod watching;

pub use chords::{
    a_chord_may_grow, a_chord_without_a_size_waits, a_claim_that_is_released_is_taken_by_the_next,
    the_last_part_has_the_claim_and_copies_count_once, what_the_parts_of_a_broken_chord_left_stays,
};
pub use storing::{
    a_success_is_never_overwritten, groups_are_kept_and_forgotten, many_are_read_and_forgotten_at_once,
    what_is_only_for_tasks_that_have_not_begun_leaves_the_others,
};
pub use watching::{
    a_forgotten_result_is_not_told_again, what_was_stored_before_comes_first_and_then_what_is_stored,
    who_is_slow_gets_the_newest,
};
