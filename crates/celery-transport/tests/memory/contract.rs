//! The contract of all drivers.

use celery_transport::{Transport, contract_tests, memory::Memory};

async fn transport() -> (Box<dyn Transport>, ()) {
    (Box::new(Memory::new()), ())
}

contract_tests!(transport());
