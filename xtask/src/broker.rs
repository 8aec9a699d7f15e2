//! Where the messages of a measurement or of a suite are.

use clap::ValueEnum;

/// The broker. Results are in a Redis in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Broker {
    Redis,
    Amqp,
}
