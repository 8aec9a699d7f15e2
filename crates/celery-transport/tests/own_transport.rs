//! The contract of all transports, on the one of the example: written with the public API alone.

#[path = "../examples/own_transport.rs"]
#[allow(unreachable_pub, reason = "public in the example")]
mod own_transport;

use celery_transport::{Transport, contract_tests};
use own_transport::OwnTransport;

async fn transport() -> (Box<dyn Transport>, ()) {
    (Box::new(OwnTransport::default()), ())
}

contract_tests!(transport());
