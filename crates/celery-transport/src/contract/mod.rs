//! The tests that every driver has to pass: what the [traits](crate::Transport) promise, whatever the broker.
//!
//! A test takes a [`Transport`](crate::Transport) and uses queues of its own, so many may share a broker. In a driver's
//! tests, [`contract_tests!`](crate::contract_tests) writes a `#[tokio::test]` for each.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test ends at the first thing that goes wrong"
)]

mod broadcasting;
mod changing;
mod fetching;
mod publishing;
mod settling;
mod support;

pub use broadcasting::{a_command_is_answered, broadcasts_are_heard_by_pattern};
pub use changing::{none_and_again_some, other_queues_from_the_next_fetch_on};
pub use fetching::{
    first_in_first_out_and_no_more_than_the_credit, ready_wakes, two_consumers_share,
    what_is_held_does_not_block,
};
pub use publishing::{
    a_message_arrives_as_it_was_sent, bindings_route, purging_counts, queues_can_be_deleted,
};
pub use settling::{
    a_large_batch_is_settled_in_pieces, closing_gives_back, settled_messages_are_forgotten,
    what_goes_back_comes_again,
};

/// Writes a test for each part of the contract. `$transport` is an expression that is awaited and gives a
/// `Box<dyn Transport>`, and whatever has to live as long as the test.
#[macro_export]
macro_rules! contract_tests {
    ($transport:expr) => {
        $crate::contract_tests!($transport;
            a_command_is_answered,
            a_large_batch_is_settled_in_pieces,
            a_message_arrives_as_it_was_sent,
            bindings_route,
            broadcasts_are_heard_by_pattern,
            closing_gives_back,
            first_in_first_out_and_no_more_than_the_credit,
            none_and_again_some,
            other_queues_from_the_next_fetch_on,
            purging_counts,
            queues_can_be_deleted,
            ready_wakes,
            settled_messages_are_forgotten,
            two_consumers_share,
            what_goes_back_comes_again,
            what_is_held_does_not_block,
        );
    };
    ($transport:expr; $($name:ident,)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (transport, _kept) = $transport.await;
            $crate::contract::$name(&*transport).await;
        })*
    };
}
