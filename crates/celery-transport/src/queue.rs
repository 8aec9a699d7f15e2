//! A queue and how messages reach it.

use std::time::Duration;

use serde_json::Value;

use crate::{Declaration, topic::binding_takes};

/// A queue to consume from, with the one binding that Celery declares for it.
///
/// Source: `kombu/entity.py: Queue`, `celery/app/amqp.py: Queues`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queue {
    /// The name of the queue.
    pub name: String,
    /// The exchange it is bound to; empty for the default exchange.
    pub exchange: String,
    /// `direct`, `topic` or `fanout`.
    pub exchange_type: String,
    /// The routing key (or topic pattern) of the binding.
    pub routing_key: String,
    /// For a queue of one asker (`x-expires`): after how long without it the broker may forget the queue. `None`: never.
    pub expires: Option<Duration>,
    /// What else AMQP wants to know.
    pub declaration: Declaration,
}

impl Queue {
    /// The queue that Celery makes for a bare name: a direct exchange and a routing key of the same name.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            exchange: name.clone(),
            exchange_type: String::from("direct"),
            routing_key: name.clone(),
            name,
            expires: None,
            declaration: Declaration::default(),
        }
    }

    /// Binds the queue to `exchange` of `exchange_type` with `routing_key` instead.
    #[must_use]
    pub fn bound_to(
        mut self,
        exchange: impl Into<String>,
        exchange_type: impl Into<String>,
        routing_key: impl Into<String>,
    ) -> Self {
        self.exchange = exchange.into();
        self.exchange_type = exchange_type.into();
        self.routing_key = routing_key.into();
        self
    }

    /// Has the broker forget the queue when nobody has used it for `expires`: replies to control commands
    /// (`control_queue_expires`).
    #[must_use]
    pub fn expiring(mut self, expires: Duration) -> Self {
        self.expires = Some(expires);
        self
    }

    /// Whether a message to `exchange` with `routing_key` goes into this queue, by its bindings or, through the default
    /// exchange, by its name: for transports whose broker does not know of bindings.
    pub fn takes(&self, exchange: &str, routing_key: &str) -> bool {
        if exchange.is_empty() {
            return self.name == routing_key;
        }
        let by = |of: &str, kind: &str, key: &str| of == exchange && binding_takes(kind, key, routing_key);
        by(&self.exchange, &self.exchange_type, &self.routing_key)
            || self
                .declaration
                .bindings
                .iter()
                .any(|extra| by(&extra.exchange, &extra.exchange_type, &extra.routing_key))
    }

    /// Declares it in another way.
    #[must_use]
    pub fn declared(mut self, declaration: Declaration) -> Self {
        self.declaration = declaration;
        self
    }

    /// Has the broker order its messages by priorities up to `most` (`Queue(max_priority=)`).
    #[must_use]
    pub fn with_max_priority(mut self, most: u8) -> Self {
        self.declaration.arguments.insert("x-max-priority".to_owned(), Value::from(most));
        self
    }

    /// Has the broker keep it as another kind of queue (`task_default_queue_type`): `quorum`.
    #[must_use]
    pub fn of_queue_type(mut self, kind: &str) -> Self {
        self.declaration.arguments.insert("x-queue-type".to_owned(), Value::from(kind));
        self
    }
}
