//! `delivery_info`: how a message was routed.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use crate::json::{Key, ObjectWriter};

/// How a message was routed (`kombu/transport/virtual/base.py: Channel._inplace_augment_message`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeliveryInfo {
    /// The exchange. Empty for the default exchange, where the routing key is the queue.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// Whether it was delivered before.
    pub redelivered: Option<bool>,
    /// Whatever else was there.
    pub rest: Map<String, Value>,
}

impl DeliveryInfo {
    /// Appends the object in kombu's order.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        object.str("exchange", &self.exchange);
        object.str("routing_key", &self.routing_key);
        for (key, value) in &self.rest {
            object.value(key, value);
        }
        if let Some(redelivered) = self.redelivered {
            object.bool("redelivered", redelivered);
        }
        object.end();
    }
}

impl<'de> Deserialize<'de> for DeliveryInfo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DeliveryInfoVisitor)
    }
}

struct DeliveryInfoVisitor;

impl<'de> de::Visitor<'de> for DeliveryInfoVisitor {
    type Value = DeliveryInfo;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a delivery_info object")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut info = DeliveryInfo::default();
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "exchange" => info.exchange = map.next_value::<Option<String>>()?.unwrap_or_default(),
                "routing_key" => info.routing_key = map.next_value::<Option<String>>()?.unwrap_or_default(),
                "redelivered" => info.redelivered = map.next_value()?,
                _ => {
                    info.rest.insert(key.into_owned(), map.next_value()?);
                }
            }
        }
        Ok(info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    #[test]
    fn a_restored_message_was_delivered_before() {
        let message =
            Message::from_envelope(include_bytes!("../../fixtures/envelope/restored.json")).unwrap();
        let info = message.properties.delivery_info;
        assert_eq!(info.exchange, "");
        assert_eq!(info.routing_key, "plain");
        assert_eq!(info.redelivered, Some(true));
    }

    #[test]
    fn unknown_fields_survive() {
        let text = r#"{"exchange": "x", "routing_key": "", "priority": 3, "a": [], "redelivered": false}"#;
        let info: DeliveryInfo = serde_json::from_str(text).unwrap();
        let mut out = Vec::new();
        info.write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }

    #[test]
    fn nulls_count_as_absent() {
        let text = r#"{"exchange": null, "routing_key": null, "redelivered": null}"#;
        assert_eq!(serde_json::from_str::<DeliveryInfo>(text).unwrap(), DeliveryInfo::default());
    }
}
