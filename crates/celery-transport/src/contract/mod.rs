//! The tests that every driver has to pass: what the [traits](crate::Transport) promise, whatever the broker.
//!
//! A test takes a [`Transport`](crate::Transport) and uses queues of its own, so many may share a broker. In a driver's
//! tests, [`contract_tests!`](crate::contract_tests) writes a `#[tokio::test]` for each.

mod broadcasting;
mod changing;
mod fetching;
mod macros;
mod publishing;
mod settling;
pub mod support;

pub use broadcasting::{a_command_is_answered, broadcasts_are_heard_by_pattern};
pub use changing::{none_and_again_some, other_queues_from_the_next_fetch_on};
pub use fetching::{
    first_in_first_out_and_no_more_than_the_credit, ready_comes_before_a_fetch, ready_wakes,
    two_consumers_share, what_is_held_does_not_block,
};
pub use publishing::{
    a_message_arrives_as_it_was_sent, bindings_route, purging_counts, queues_can_be_deleted,
};
pub use settling::{
    a_large_batch_is_settled_in_pieces, closing_gives_back, settled_messages_are_forgotten,
    what_goes_back_comes_again,
};
