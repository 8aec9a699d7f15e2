//! From what kombu would have published to a publication of the outbox.

use bytes::Bytes;
use celery_protocol::{DeliveryInfo, Message, Properties};
use celery_transport::Publication;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A message as `celery_oxide._sending` hands it over: headers and properties as JSON text.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) exchange: &'a str,
    pub(crate) exchange_type: &'a str,
    pub(crate) routing_key: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) content_type: &'a str,
    pub(crate) content_encoding: &'a str,
    pub(crate) headers: &'a str,
    pub(crate) properties: &'a str,
}

/// The publication of `parts`.
pub(crate) fn publication(parts: &Parts<'_>) -> PyResult<Publication> {
    let invalid = |error: serde_json::Error| PyValueError::new_err(error.to_string());
    let headers = RawValue::from_string(parts.headers.to_owned()).map_err(invalid)?;
    let properties: Map<String, Value> = serde_json::from_str(parts.properties).map_err(invalid)?;
    let message = Message::new(
        headers,
        to_properties(properties, parts.exchange, parts.routing_key),
        Bytes::copy_from_slice(parts.body),
        parts.content_type,
        parts.content_encoding,
    );
    Ok(Publication::new(parts.exchange, parts.routing_key, message).of_type(parts.exchange_type))
}

fn to_properties(mut given: Map<String, Value>, exchange: &str, routing_key: &str) -> Properties {
    let mut text = |name: &str| given.shift_remove(name).and_then(|value| value.as_str().map(str::to_owned));
    let correlation_id = text("correlation_id");
    let reply_to = text("reply_to");
    let mut number = |name: &str| given.shift_remove(name).and_then(|value| value.as_u64()?.try_into().ok());
    let delivery_mode = number("delivery_mode");
    let priority = Some(number("priority").unwrap_or(0));
    Properties {
        correlation_id,
        reply_to,
        delivery_mode,
        delivery_info: DeliveryInfo {
            exchange: exchange.to_owned(),
            routing_key: routing_key.to_owned(),
            ..DeliveryInfo::default()
        },
        priority,
        body_encoding: Some(String::from("base64")),
        delivery_tag: None,
        rest: given,
    }
}
