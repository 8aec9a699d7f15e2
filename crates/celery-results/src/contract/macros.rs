//! A test for each part of the contract.

/// Hands the names of the parts of the contract to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_parts {
    ($then:ident $($given:tt)*) => {
        $crate::$then!(@parts $($given)*;
            a_chord_may_grow,
            a_chord_without_a_size_waits,
            a_claim_that_is_released_is_taken_by_the_next,
            a_forgotten_result_is_not_told_again,
            a_success_is_never_overwritten,
            groups_are_kept_and_forgotten,
            many_are_read_and_forgotten_at_once,
            the_last_part_has_the_claim_and_copies_count_once,
            what_is_only_for_tasks_that_have_not_begun_leaves_the_others,
            what_the_parts_of_a_broken_chord_left_stays,
            what_was_stored_before_comes_first_and_then_what_is_stored,
            who_is_slow_gets_the_newest,
        );
    };
}

/// Writes a test for each part of the contract. `$backend` is an expression that is awaited and gives a
/// `Box<dyn ResultBackend>`, and whatever has to live as long as the test.
#[macro_export]
macro_rules! contract_tests {
    (@parts ($backend:expr); $($name:ident,)*) => {
        $(#[tokio::test]
        async fn $name() {
            let (backend, _kept) = $backend.await;
            $crate::contract::$name(&*backend).await;
        })*
    };
    ($backend:expr) => {
        $crate::contract_parts!(contract_tests ($backend));
    };
}
