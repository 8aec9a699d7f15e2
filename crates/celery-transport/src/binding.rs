//! That a queue is bound to an exchange.

/// A queue that gets the messages which an exchange is given with a routing key
/// (`kombu/transport/virtual/base.py: Management.get_bindings`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Binding {
    /// The name of the queue.
    pub queue: String,
    /// The name of the exchange.
    pub exchange: String,
    /// The routing key, or the pattern of a topic exchange.
    pub routing_key: String,
}

impl Binding {
    /// The binding of `queue` to `exchange` by `routing_key`.
    pub fn new(
        queue: impl Into<String>,
        exchange: impl Into<String>,
        routing_key: impl Into<String>,
    ) -> Self {
        Self { queue: queue.into(), exchange: exchange.into(), routing_key: routing_key.into() }
    }
}
