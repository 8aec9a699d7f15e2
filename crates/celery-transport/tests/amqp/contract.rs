//! The contract of all drivers.

use celery_oxide_tests::rabbitmq::RabbitMq;
use celery_transport::{Transport, contract_tests};
use tokio::sync::RwLockReadGuard;

use crate::support::{broker, node};

async fn transport() -> (Box<dyn Transport>, RwLockReadGuard<'static, RabbitMq>) {
    let node = node().await;
    (Box::new(broker(&node.url())), node)
}

contract_tests!(in_one: transport());
