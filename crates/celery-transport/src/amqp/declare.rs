//! Declaring what stock Celery declares, as it does.

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueuePurgeOptions},
    types::{AMQPValue, FieldTable},
};
use serde_json::{Map, Value};

use super::{link::Dialer, table};
use crate::{Error, ExchangeDeclaration, Queue, Result};

/// Declares `queues`, their exchanges and their bindings.
///
/// Source: `kombu/entity.py: Queue.declare`.
pub(super) async fn declare(channel: &Channel, dialer: &Dialer, queues: &[Queue]) -> Result<()> {
    for queue in queues {
        declare_one(channel, dialer, queue).await?;
    }
    Ok(())
}

async fn declare_one(channel: &Channel, dialer: &Dialer, queue: &Queue) -> Result<()> {
    let declaration = &queue.declaration;
    if !declaration.declared {
        return Ok(());
    }
    exchange(channel, dialer, &queue.exchange, &queue.exchange_type, &declaration.exchange).await?;
    // A queue of one asker: `kombu/pidbox.py: Mailbox.get_reply_queue`.
    let transient = queue.expires.is_some();
    let options = QueueDeclareOptions {
        durable: declaration.durable && !transient,
        exclusive: declaration.exclusive || transient,
        auto_delete: declaration.auto_delete || transient,
        ..QueueDeclareOptions::default()
    };
    let mut arguments = arguments(dialer, &queue.name, &declaration.arguments)?;
    if let Some(expires) = queue.expires {
        arguments.insert("x-expires".into(), milliseconds(expires));
    }
    let declared = channel.queue_declare(queue.name.as_str().into(), options, arguments).await;
    declared.map_err(|error| explained(dialer.error(&error), &queue.name))?;
    bind(channel, dialer, queue, &queue.exchange, &queue.routing_key, &declaration.binding_arguments).await?;
    for extra in &declaration.bindings {
        exchange(channel, dialer, &extra.exchange, &extra.exchange_type, &extra.declaration).await?;
        bind(channel, dialer, queue, &extra.exchange, &extra.routing_key, &extra.arguments).await?;
    }
    Ok(())
}

/// Declares an exchange, unless it is one that the broker has anyway.
///
/// Source: `kombu/entity.py: Exchange.declare`, `_can_declare`.
pub(super) async fn exchange(
    channel: &Channel,
    dialer: &Dialer,
    name: &str,
    kind: &str,
    declaration: &ExchangeDeclaration,
) -> Result<()> {
    if !declaration.declared || name.is_empty() || name.starts_with("amq.") {
        return Ok(());
    }
    let kind = match kind {
        "direct" => ExchangeKind::Direct,
        "topic" => ExchangeKind::Topic,
        "fanout" => ExchangeKind::Fanout,
        "headers" => ExchangeKind::Headers,
        other => ExchangeKind::Custom(other.to_owned()),
    };
    let options = ExchangeDeclareOptions {
        durable: declaration.durable,
        auto_delete: declaration.auto_delete,
        ..ExchangeDeclareOptions::default()
    };
    let arguments = arguments(dialer, name, &declaration.arguments)?;
    let declared = channel.exchange_declare(name.into(), kind, options, arguments).await;
    declared.map_err(|error| explained(dialer.error(&error), name))
}

/// The exchange that is listened to for broadcasts, and how it is declared: commands go to a fanout exchange that the
/// broker forgets, events to a topic exchange that it keeps.
///
/// Source: `kombu/pidbox.py: Mailbox._get_exchange`, `celery/events/event.py: event_exchange`.
pub(super) async fn broadcast(channel: &Channel, dialer: &Dialer, name: &str) -> Result<()> {
    let (kind, durable) = if is_pidbox(name) { ("fanout", false) } else { ("topic", true) };
    exchange(channel, dialer, name, kind, &ExchangeDeclaration { durable, ..ExchangeDeclaration::default() })
        .await
}

/// The exchange for replies to commands (`kombu/pidbox.py: Mailbox._publish_reply`).
pub(super) async fn replies(channel: &Channel, dialer: &Dialer, name: &str) -> Result<()> {
    let transient = ExchangeDeclaration { durable: false, ..ExchangeDeclaration::default() };
    exchange(channel, dialer, name, "direct", &transient).await
}

/// Whether commands go to this exchange (`kombu/pidbox.py: Mailbox.exchange_fmt`).
pub(super) fn is_pidbox(exchange: &str) -> bool {
    exchange.ends_with(".pidbox") && !is_reply(exchange)
}

/// Whether replies to commands go to this exchange (`kombu/pidbox.py: Mailbox.reply_exchange_fmt`).
pub(super) fn is_reply(exchange: &str) -> bool {
    exchange.starts_with("reply.") && exchange.ends_with(".pidbox")
}

async fn bind(
    channel: &Channel,
    dialer: &Dialer,
    queue: &Queue,
    exchange: &str,
    routing_key: &str,
    given: &Map<String, Value>,
) -> Result<()> {
    // Every queue is bound to the default exchange already.
    if exchange.is_empty() {
        return Ok(());
    }
    let arguments = arguments(dialer, exchange, given)?;
    let (name, exchange, key) = (queue.name.as_str().into(), exchange.into(), routing_key.into());
    let bound = channel.queue_bind(name, exchange, key, QueueBindOptions::default(), arguments).await;
    bound.map_err(|error| dialer.error(&error))
}

/// Empties a queue. One that does not exist is empty.
pub(super) async fn purge(channel: &Channel, dialer: &Dialer, queue: &str) -> Result<u64> {
    match channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await {
        Ok(count) => Ok(count.into()),
        Err(error) if is_missing(&error) => Ok(0),
        Err(error) => Err(dialer.error(&error)),
    }
}

/// Whether there is no such queue or exchange.
pub(super) fn is_missing(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(said) if said.get_id() == 404)
}

/// Whether the queue belongs to another connection.
pub(super) fn is_locked(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(said) if said.get_id() == 405)
}

pub(super) fn arguments(dialer: &Dialer, whose: &str, given: &Map<String, Value>) -> Result<FieldTable> {
    table::to_table(given).map_err(|reason| Error::Refused {
        url: dialer.url().to_owned(),
        reason: format!("the arguments of {whose:?}: {reason}"),
    })
}

pub(super) fn milliseconds(duration: std::time::Duration) -> AMQPValue {
    AMQPValue::LongInt(i32::try_from(duration.as_millis()).unwrap_or(i32::MAX))
}

/// What to do when somebody else has declared it otherwise.
fn explained(error: Error, name: &str) -> Error {
    match error {
        Error::Refused { url, reason }
            if reason.contains("PRECONDITION_FAILED") || reason.contains("inequivalent") =>
        {
            let reason = format!(
                "{reason}. {name:?} exists with other arguments: give task_queues, task_queue_max_priority and \
                 task_default_queue_type the values that it was declared with, or delete it with rabbitmqctl delete_queue"
            );
            Error::Refused { url, reason }
        }
        other => other,
    }
}
