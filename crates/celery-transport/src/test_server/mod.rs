//! A RabbitMQ node of the test's own, on free ports and in a folder of its own, for the tests of the drivers.

mod rabbitmq;

pub use rabbitmq::RabbitMq;
