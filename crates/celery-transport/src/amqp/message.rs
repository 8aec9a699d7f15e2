//! Messages of AMQP: its basic properties and ours.
//!
//! Source: `kombu/transport/pyamqp.py: Channel.prepare_message`, `Message`; `amqp/basic_message.py: Message`.

use bytes::Bytes;
use celery_protocol::{DeliveryInfo, MAX_MESSAGE_SIZE, Message, Properties, message::DELIVERY_COUNT};
use lapin::{
    BasicProperties,
    message::Delivery,
    types::{ShortString, Timestamp},
};
use serde_json::{Map, Value, value::RawValue};

use super::table;
use crate::{Publication, Undecodable};

/// The properties of `publication` as they go on the wire. An error says what AMQP cannot carry.
pub(super) fn properties(publication: &Publication) -> Result<BasicProperties, String> {
    let message = &publication.message;
    let mut headers: Map<String, Value> =
        serde_json::from_str(message.headers.get()).map_err(|error| format!("the headers: {error}"))?;
    // A retry has the headers of the message that it comes from; the broker counts anew.
    headers.remove(DELIVERY_COUNT);
    let given = &message.properties;
    let mut properties = BasicProperties::default()
        .with_headers(table::to_table(&headers)?)
        // `kombu/messaging.py: Producer`: persistent, unless it is told otherwise.
        .with_delivery_mode(given.delivery_mode.unwrap_or(2));
    if let Some(priority) = given.priority {
        properties = properties.with_priority(priority);
    }
    let short = |name: &str, text: &str| {
        ShortString::try_new(text)
            .map_err(|_| format!("{name} is longer than the 255 bytes that AMQP allows"))
    };
    if !message.content_type.is_empty() {
        properties = properties.with_content_type(short("the content type", &message.content_type)?);
    }
    if !message.content_encoding.is_empty() {
        properties =
            properties.with_content_encoding(short("the content encoding", &message.content_encoding)?);
    }
    if let Some(id) = &given.correlation_id {
        properties = properties.with_correlation_id(short("correlation_id", id)?);
    }
    if let Some(queue) = given.reply_to.as_deref().filter(|queue| !queue.is_empty()) {
        properties = properties.with_reply_to(short("reply_to", queue)?);
    }
    for (name, value) in &given.rest {
        // What AMQP has no place for is dropped, as py-amqp does.
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        properties = match name.as_str() {
            "expiration" => properties.with_expiration(short(name, &text)?),
            "message_id" => properties.with_message_id(short(name, &text)?),
            "type" => properties.with_type(short(name, &text)?),
            "user_id" => properties.with_user_id(short(name, &text)?),
            "app_id" => properties.with_app_id(short(name, &text)?),
            "cluster_id" => properties.with_cluster_id(short(name, &text)?),
            "timestamp" => match text.parse::<Timestamp>() {
                Ok(seconds) => properties.with_timestamp(seconds),
                Err(_) => properties,
            },
            _ => properties,
        };
    }
    Ok(properties)
}

/// What was delivered, as a message.
pub(super) fn read(delivery: Delivery) -> Result<Message, Undecodable> {
    let body = Bytes::from(delivery.data);
    let size = body.len();
    if size > MAX_MESSAGE_SIZE {
        let error = celery_protocol::Error::TooLarge { object: "message", size, limit: MAX_MESSAGE_SIZE };
        return Err(Undecodable::new(body, error));
    }
    let given = delivery.properties;
    let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
    let mut rest = Map::new();
    for (name, value) in [
        ("expiration", given.expiration()),
        ("message_id", given.message_id()),
        ("type", given.kind()),
        ("user_id", given.user_id()),
        ("app_id", given.app_id()),
        ("cluster_id", given.cluster_id()),
    ] {
        if let Some(value) = text(value) {
            rest.insert(name.to_owned(), Value::from(value));
        }
    }
    if let Some(seconds) = given.timestamp() {
        rest.insert("timestamp".to_owned(), Value::from(*seconds));
    }
    let headers = given.headers().as_ref().map(table::to_object).unwrap_or_default();
    let raw = |text: String| RawValue::from_string(text);
    let headers = serde_json::to_string(&headers).and_then(raw);
    let headers = match headers {
        Ok(headers) => headers,
        Err(source) => {
            return Err(Undecodable::new(body, celery_protocol::Error::Json { object: "headers", source }));
        }
    };
    let properties = Properties {
        correlation_id: text(given.correlation_id()),
        reply_to: text(given.reply_to()),
        delivery_mode: *given.delivery_mode(),
        delivery_info: DeliveryInfo {
            exchange: delivery.exchange.to_string(),
            routing_key: delivery.routing_key.to_string(),
            redelivered: Some(delivery.redelivered),
            rest: Map::new(),
        },
        priority: *given.priority(),
        body_encoding: None,
        delivery_tag: None,
        rest,
    };
    let content_type = text(given.content_type()).unwrap_or_default();
    let content_encoding = text(given.content_encoding()).unwrap_or_default();
    Ok(Message::new(headers, properties, body, content_type, content_encoding))
}
