//! The contract of all drivers.

use celery_results::{ResultBackend, contract_tests};
use celery_valkey::test_server::Server;

use crate::support::connect;

async fn backend() -> (Box<dyn ResultBackend>, Server) {
    let server = Server::start().await;
    (Box::new(connect(&server).await), server)
}

contract_tests!(backend());
