//! A test for each part of the contract.

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
            ready_comes_before_a_fetch,
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
