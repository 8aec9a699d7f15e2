//! What a broker that keeps queues and exchanges itself wants to know of them.

use serde::Deserialize;
use serde_json::{Map, Value};

/// How a queue, its exchange and its bindings are declared. AMQP refuses whoever declares the same queue otherwise than
/// the first one did, so all of it has to be what stock Celery says. Valkey does not ask.
///
/// Source: `kombu/entity.py: Queue`, `Exchange`. The default is kombu's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Declaration {
    /// Whether the queue is declared at all (`no_declare` says no).
    pub declared: bool,
    /// Whether it outlives the broker.
    pub durable: bool,
    /// Whether it belongs to the connection that declares it.
    pub exclusive: bool,
    /// Whether it ends with its last consumer.
    pub auto_delete: bool,
    /// `x-max-priority`, `x-queue-type` and so on, as they are on the wire
    /// (`kombu/transport/base.py: to_rabbitmq_queue_arguments`).
    pub arguments: Map<String, Value>,
    /// Of the binding.
    pub binding_arguments: Map<String, Value>,
    /// Of its consumers: `x-priority`.
    pub consumer_arguments: Map<String, Value>,
    /// More bindings than the one that every queue has.
    pub bindings: Vec<ExtraBinding>,
    /// The exchange it is bound to.
    pub exchange: ExchangeDeclaration,
}

impl Default for Declaration {
    fn default() -> Self {
        Self {
            declared: true,
            durable: true,
            exclusive: false,
            auto_delete: false,
            arguments: Map::new(),
            binding_arguments: Map::new(),
            consumer_arguments: Map::new(),
            bindings: Vec::new(),
            exchange: ExchangeDeclaration::default(),
        }
    }
}

/// How an exchange is declared.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ExchangeDeclaration {
    /// Whether it is declared at all.
    pub declared: bool,
    /// Whether it outlives the broker.
    pub durable: bool,
    /// Whether it ends with its last binding.
    pub auto_delete: bool,
    /// `alternate-exchange` and so on.
    pub arguments: Map<String, Value>,
}

impl Default for ExchangeDeclaration {
    fn default() -> Self {
        Self { declared: true, durable: true, auto_delete: false, arguments: Map::new() }
    }
}

/// A binding beside the first (`kombu/entity.py: binding`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraBinding {
    /// The name of the exchange.
    pub exchange: String,
    /// Its type.
    pub exchange_type: String,
    /// The routing key or pattern.
    pub routing_key: String,
    /// Of the binding.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// How the exchange is declared.
    #[serde(default)]
    pub declaration: ExchangeDeclaration,
}
