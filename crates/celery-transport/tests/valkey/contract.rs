//! The contract of all drivers.

use celery_transport::{Transport, contract_tests};
use celery_valkey::test_server::Server;
use serde_json::json;

use crate::support::broker;

async fn transport() -> (Box<dyn Transport>, Server) {
    let server = Server::start().await;
    (Box::new(broker(&server.url(), json!({}))), server)
}

contract_tests!(transport());
