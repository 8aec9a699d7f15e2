//! The worker on RabbitMQ: what it adds to what every broker does.
//!
//! The other tests run there too when `CELERY_OXIDE_TEST_BROKER=rabbitmq` is set (`cargo xtask campaign --only rabbitmq`).

mod fleet;
mod outages;
mod priorities;
mod queues;
mod steering;
