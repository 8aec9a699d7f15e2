//! A test for each part of the contract.

/// Hands the names of the parts of the contract to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_parts {
    ($then:ident $($given:tt)*) => {
        $crate::$then!(@parts $($given)*;
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
}

/// Writes a test for each part of the contract. `$transport` is an expression that is awaited and gives a
/// `Box<dyn Transport>`, and whatever has to live as long as the test.
///
/// With `in_one:` before it there is a single test, `contract`, for a broker that takes long to start.
#[macro_export]
macro_rules! contract_tests {
    (in_one: $transport:expr) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn contract() {
            let (transport, _kept) = $transport.await;
            $crate::contract_parts!(contract_tests one transport);
        }
    };
    (@parts one $transport:ident; $($name:ident,)*) => {
        $(
            // So that the output of a failure says which it was.
            eprintln!(stringify!($name));
            $crate::contract::$name(&*$transport).await;
        )*
    };
    (@parts each ($transport:expr); $($name:ident,)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (transport, _kept) = $transport.await;
            $crate::contract::$name(&*transport).await;
        })*
    };
    ($transport:expr) => {
        $crate::contract_parts!(contract_tests each ($transport));
    };
}
