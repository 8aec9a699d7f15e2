//! The contract of all drivers.

use celery_results::{ResultBackend, contract_tests, memory::Memory};

async fn backend() -> (Box<dyn ResultBackend>, ()) {
    (Box::new(Memory::new()), ())
}

contract_tests!(backend());
