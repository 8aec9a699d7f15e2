//! `properties`: what AMQP calls the basic properties, and kombu's own.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::DeliveryInfo;
use crate::json::{Key, ObjectWriter};

/// Message properties (`kombu/messaging.py: Producer.publish`,
/// `kombu/transport/virtual/base.py: Channel.prepare_message`).
///
/// A property of an unexpected type (`"priority": null`) is taken for absent, and kept in `rest` as it was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Properties {
    /// The id of the task.
    pub correlation_id: Option<String>,
    /// Where an `rpc://` result goes.
    pub reply_to: Option<String>,
    /// 1 transient, 2 persistent.
    pub delivery_mode: Option<u8>,
    /// How the message was routed.
    pub delivery_info: DeliveryInfo,
    /// The priority the producer gave. Over Redis, stock consumers serve 0 first.
    pub priority: Option<u8>,
    /// `base64`, or absent when the body is text as it is.
    pub body_encoding: Option<String>,
    /// The tag kombu gave the message.
    pub delivery_tag: Option<String>,
    /// Whatever else was there: `expiration` (milliseconds, as text), `message_id` …
    pub rest: Map<String, Value>,
}

impl Properties {
    /// The object as JSON, in kombu's order.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out, self.body_encoding.as_deref());
        out
    }

    /// Appends the object in kombu's order, the body encoding being `body_encoding`.
    pub(super) fn write(&self, out: &mut Vec<u8>, body_encoding: Option<&str>) {
        let mut object = ObjectWriter::new(out);
        let text = |object: &mut ObjectWriter<'_>, key: &str, text: Option<&str>| {
            if let Some(text) = text {
                object.str(key, text);
            }
        };
        text(&mut object, "correlation_id", self.correlation_id.as_deref());
        text(&mut object, "reply_to", self.reply_to.as_deref());
        // `Producer.publish` adds the delivery mode to the caller's properties, and the expiration after it.
        for (key, value) in self.rest.iter().filter(|(key, _)| *key != "expiration") {
            object.value(key, value);
        }
        if let Some(mode) = self.delivery_mode {
            object.int("delivery_mode", mode);
        }
        if let Some(expiration) = self.rest.get("expiration") {
            object.value("expiration", expiration);
        }
        self.delivery_info.write(object.key("delivery_info"));
        if let Some(priority) = self.priority {
            object.int("priority", priority);
        }
        text(&mut object, "body_encoding", body_encoding);
        text(&mut object, "delivery_tag", self.delivery_tag.as_deref());
        object.end();
    }
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PropertiesVisitor)
    }
}

struct PropertiesVisitor;

impl<'de> de::Visitor<'de> for PropertiesVisitor {
    type Value = Properties;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a properties object")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut properties = Properties::default();
        while let Some(Key(key)) = map.next_key()? {
            if key == "delivery_info" {
                properties.delivery_info = map.next_value::<Option<DeliveryInfo>>()?.unwrap_or_default();
                continue;
            }
            // A scalar `Value` costs what the scalar costs, and can be kept when it does not fit.
            let value: Value = map.next_value()?;
            let unfit = match &*key {
                "correlation_id" => take_text(&mut properties.correlation_id, value),
                "reply_to" => take_text(&mut properties.reply_to, value),
                "body_encoding" => take_text(&mut properties.body_encoding, value),
                "delivery_tag" => take_text(&mut properties.delivery_tag, value),
                "delivery_mode" => take_byte(&mut properties.delivery_mode, value),
                "priority" => take_byte(&mut properties.priority, value),
                _ => Some(value),
            };
            if let Some(value) = unfit {
                properties.rest.insert(key.into_owned(), value);
            }
        }
        Ok(properties)
    }
}

/// Puts a string into the slot, and gives anything else back.
fn take_text(slot: &mut Option<String>, value: Value) -> Option<Value> {
    match value {
        Value::String(text) => {
            *slot = Some(text);
            None
        }
        other => Some(other),
    }
}

/// Puts a number of 0 to 255 into the slot, and gives anything else back.
fn take_byte(slot: &mut Option<u8>, value: Value) -> Option<Value> {
    match value.as_u64().and_then(|number| u8::try_from(number).ok()) {
        Some(number) => {
            *slot = Some(number);
            None
        }
        None => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    #[test]
    fn captured_options_are_where_kombu_puts_them() {
        let message =
            Message::from_envelope(include_bytes!("../../fixtures/envelope/task_options.json")).unwrap();
        let properties = message.properties;
        assert_eq!(properties.correlation_id.as_deref(), Some("other"));
        assert_eq!(properties.delivery_mode, Some(2));
        assert_eq!(properties.priority, Some(7));
        assert_eq!(properties.body_encoding.as_deref(), Some("base64"));
        assert_eq!(properties.rest["expiration"], "3600000");
        assert_eq!(properties.rest["message_id"], "mid-1");
        assert_eq!(properties.rest["user_id"], "guest");
    }

    #[test]
    fn what_does_not_fit_is_kept() {
        let text = r#"{"correlation_id": null, "priority": 300, "delivery_info": {"exchange": "", "routing_key": ""}}"#;
        let properties: Properties = serde_json::from_str(text).unwrap();
        assert_eq!((&properties.correlation_id, properties.priority), (&None, None));
        let mut out = Vec::new();
        properties.write(&mut out, None);
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }
}
