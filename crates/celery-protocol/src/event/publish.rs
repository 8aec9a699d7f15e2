//! Events as messages.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{Event, encode_batch};
use crate::{DeliveryInfo, Error, Message, Properties, json::ObjectWriter};

/// The exchange of events, unless the setting `event_exchange` names another.
pub const EVENT_EXCHANGE: &str = "celeryev";

/// The routing key of a batch of task events (`celery/events/dispatcher.py: EventDispatcher.flush`).
pub const BATCH_ROUTING_KEY: &str = "task.multi";

/// The type of the exchange of events: `fanout` over Redis, which Valkey counts as, `topic` elsewhere
/// (`celery/events/event.py: get_exchange`).
pub fn event_exchange_type(over_redis: bool) -> &'static str {
    if over_redis { "fanout" } else { "topic" }
}

/// The routing key of a single event: `worker.heartbeat` of `worker-heartbeat`.
pub fn routing_key(kind: &str) -> String {
    kind.replace('-', ".")
}

/// One event as the message that Celery publishes, without a delivery tag, which the transport gives
/// (`EventDispatcher._publish`).
///
/// # Errors
///
/// None with the headers that are written here; [`Error::Json`] stands for what the JSON parser may say.
pub fn event_message(exchange: &str, event: &Event<'_>) -> Result<Message, Error> {
    encoded_message(exchange, routing_key(event.kind.name()), &event.hostname, event.encode())
}

/// A batch of task events as the message that Celery publishes. `hostname` is the node name of the sender.
///
/// # Errors
///
/// As [`event_message`].
pub fn batch_message(exchange: &str, hostname: &str, events: &[Event<'_>]) -> Result<Message, Error> {
    encoded_message(exchange, BATCH_ROUTING_KEY.to_owned(), hostname, encode_batch(events))
}

/// Events that are encoded already as the message that Celery publishes: one with its own routing key, or a JSON list
/// of task events with [`BATCH_ROUTING_KEY`].
///
/// # Errors
///
/// As [`event_message`].
pub fn encoded_message(
    exchange: &str,
    routing_key: String,
    hostname: &str,
    body: Vec<u8>,
) -> Result<Message, Error> {
    let mut headers = Vec::with_capacity(hostname.len() + 16);
    let mut object = ObjectWriter::new(&mut headers);
    object.str("hostname", hostname);
    object.end();
    json_message(exchange, routing_key, 1, &headers, body)
}

/// A message as kombu publishes it: no priority but 0, JSON in base64 (`kombu/messaging.py:
/// Producer.publish`).
pub(crate) fn json_message(
    exchange: &str,
    routing_key: String,
    delivery_mode: u8,
    headers: &[u8],
    body: Vec<u8>,
) -> Result<Message, Error> {
    // What this crate writes is ASCII.
    let headers = RawValue::from_string(String::from_utf8_lossy(headers).into_owned())
        .map_err(Error::json("message headers"))?;
    let properties = Properties {
        delivery_mode: Some(delivery_mode),
        delivery_info: DeliveryInfo { exchange: exchange.to_owned(), routing_key, ..DeliveryInfo::default() },
        priority: Some(0),
        body_encoding: Some("base64".to_owned()),
        ..Properties::default()
    };
    Ok(Message::new(headers, properties, Bytes::from(body), "application/json", "utf-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::decode_all;

    #[test]
    fn a_captured_event_is_published_byte_for_byte() {
        let raw = include_bytes!("../../fixtures/event/envelope_single.json");
        let captured = Message::from_envelope(raw).unwrap();
        let event = Event::decode(&captured.body).unwrap();
        let mut message = event_message(EVENT_EXCHANGE, &event).unwrap();
        message.properties.delivery_tag = captured.properties.delivery_tag;
        assert_eq!(message.to_envelope(), raw);
    }

    #[test]
    fn a_captured_batch_is_published_byte_for_byte() {
        let raw = include_bytes!("../../fixtures/event/envelope_batch.json");
        let captured = Message::from_envelope(raw).unwrap();
        let events = decode_all(&captured.body).unwrap();
        let mut message = batch_message(EVENT_EXCHANGE, "w1@example", &events).unwrap();
        message.properties.delivery_tag = captured.properties.delivery_tag;
        assert_eq!(message.to_envelope(), raw);
    }

    #[test]
    fn routing() {
        assert_eq!(routing_key("worker-elect-ack"), "worker.elect.ack");
        assert_eq!((event_exchange_type(true), event_exchange_type(false)), ("fanout", "topic"));
    }
}
