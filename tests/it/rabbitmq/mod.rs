//! The worker on RabbitMQ: what it adds to what every broker does.
//!
//! With `CELERY_OXIDE_TEST_BROKER=rabbitmq` the others run there too; those that look into Redis itself fail then.

mod crash;
mod fleet;
mod outages;
mod priorities;
mod queues;
mod rpc;
mod steering;
