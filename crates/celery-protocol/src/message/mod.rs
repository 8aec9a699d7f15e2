//! A message as kombu moves it: headers, properties and a body that stays bytes.

use bytes::Bytes;
use serde_json::{Map, Value, value::RawValue};

/// A message, apart from the transport that carries it.
#[derive(Debug, Clone)]
pub struct Message {
    /// The headers as JSON text.
    pub headers: Box<RawValue>,
    /// The properties.
    pub properties: Properties,
    /// The body, base64 already taken off, still serialised and perhaps compressed.
    pub body: Bytes,
    /// The content type of the body: `application/json`.
    pub content_type: String,
    /// The content encoding of the body: `utf-8`, `binary`.
    pub content_encoding: String,
}

/// Message properties.
#[derive(Debug, Clone, Default)]
pub struct Properties {
    /// The id of the task.
    pub correlation_id: Option<String>,
    /// Where an `rpc://` result goes.
    pub reply_to: Option<String>,
    /// 1 transient, 2 persistent.
    pub delivery_mode: Option<u8>,
    /// How the message was routed.
    pub delivery_info: DeliveryInfo,
    /// The priority the producer gave.
    pub priority: Option<u8>,
    /// `base64`, or absent when the body is text as it is.
    pub body_encoding: Option<String>,
    /// The tag kombu gave the message.
    pub delivery_tag: Option<String>,
    /// Whatever else was there.
    pub rest: Map<String, Value>,
}

/// How a message was routed.
#[derive(Debug, Clone, Default)]
pub struct DeliveryInfo {
    /// The exchange.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// Whether it was delivered before.
    pub redelivered: Option<bool>,
    /// Whatever else was there.
    pub rest: Map<String, Value>,
}
